import fc from "fast-check";
import { expect, test } from "vitest";
import { type FakeRepo, fakeGguf, huggingFaceRoutes, modelScopeRoutes } from "../../../test/e2e/hub/fake-hub.ts";
import { testHttp } from "../../../test/e2e/hub/test-http.ts";
import { MiniCpmError } from "../../base/errors.ts";
import { ServerReplyError } from "../errors.ts";
import type { FetchLike } from "../http/settings.ts";
import { huggingFaceHub } from "./hugging-face.ts";
import { type Hub, listRepo, mirrorsOf } from "./listing.ts";
import { modelScopeHub } from "./model-scope.ts";
import { isSafePath, parseRepoRef } from "./repo-ref.ts";
import { staticHub } from "./static-hub.ts";

const REPO: FakeRepo = {
  repo: "a/b",
  revision: "main",
  commit: "c".repeat(40),
  licence: "apache-2.0",
  files: [
    { path: "x-Q4_K_M.gguf", bytes: fakeGguf("qwen2", 500) },
    { path: "sub/y z.gguf", bytes: fakeGguf("clip", 300) },
    { path: "config.json", bytes: new Uint8Array(9), isLarge: false },
  ],
};
const REF = parseRepoRef("a/b");
const BASE = "http://hub.invalid";

function routesFetch(
  routes: ReadonlyMap<string, Uint8Array>,
  headers: (path: string) => Record<string, string> = () => ({}),
): FetchLike {
  return async (url) => {
    const path = url.slice(new URL(url).origin.length);
    const body = routes.get(path);
    return body ? new Response(new Uint8Array(body), { headers: headers(path) }) : new Response("no", { status: 404 });
  };
}

const STATIC = { commit: "v1", files: [{ path: "x.gguf", sizeBytes: 5, sha256: "a".repeat(64) }] };
const HUBS: Record<string, [Map<string, Uint8Array>, (fetch: FetchLike) => Hub]> = {
  "Hugging Face": [huggingFaceRoutes(REPO), (fetch) => huggingFaceHub(testHttp({ fetch }), BASE)],
  ModelScope: [modelScopeRoutes(REPO), (fetch) => modelScopeHub(testHttp({ fetch }), BASE)],
  "static list": [
    new Map([["/model.json", new TextEncoder().encode(JSON.stringify(STATIC))]]),
    (fetch) => staticHub(testHttp({ fetch }), `${BASE}/model.json`),
  ],
};

test("sizes, sums and addresses are read, and spaces in names are encoded", async () => {
  const [routes, open] = HUBS["Hugging Face"];
  const { files, licence } = await open(routesFetch(routes)).list(REF);
  expect(licence?.id).toBe("apache-2.0");
  expect(files.map(({ path, sizeBytes, digest }) => [path, sizeBytes, digest.algorithm])).toEqual([
    ["x-Q4_K_M.gguf", 500, "sha256"],
    ["sub/y z.gguf", 300, "sha256"],
    ["config.json", 9, "git-sha1"],
  ]);
  expect(files[1].url).toBe(`${BASE}/a/b/resolve/${REPO.commit}/sub/y%20z.gguf`);
});

// A mirror passes on the original's next-page links: following them would send the token elsewhere and fail where the original is blocked.
test("further pages are asked of the same host", async () => {
  const routes = huggingFaceRoutes(REPO);
  const first = `/api/models/a/b/tree/${REPO.commit}?recursive=true`;
  routes.set(`${first}&cursor=2`, routes.get(first) ?? new Uint8Array());
  const link = `<https://huggingface.co${first}&cursor=2>; rel="next"`;
  const fetch = routesFetch(routes, (path): Record<string, string> => (path === first ? { link } : {}));
  expect((await huggingFaceHub(testHttp({ fetch }), BASE).list(REF)).files).toHaveLength(6);
});

test("pages without end are refused", async () => {
  const first = `/api/models/a/b/tree/${REPO.commit}?recursive=true`;
  const fetch = routesFetch(huggingFaceRoutes(REPO), () => ({ link: `<${BASE}${first}>; rel="next"` }));
  await expect(huggingFaceHub(testHttp({ fetch }), BASE).list(REF)).rejects.toBeInstanceOf(ServerReplyError);
});

test("a reply that never ends is refused at a limit", async () => {
  const fetch: FetchLike = async () => new Response(new Uint8Array(2 ** 25));
  await expect(huggingFaceHub(testHttp({ fetch }), BASE).list(REF)).rejects.toThrow(/longer than/);
});

// A captive portal answers everything with its login page.
test("a login page instead of JSON is said to be one", async () => {
  const fetch: FetchLike = async () => new Response("<html>Welcome to the airport</html>");
  await expect(huggingFaceHub(testHttp({ fetch }), BASE).list(REF)).rejects.toThrow(/login page/);
});

test.each(Object.keys(HUBS))("%s: any damage to a reply gives a typed error or safe paths", async (name) => {
  const [routes, open] = HUBS[name];
  const paths = [...routes.keys()].filter((path) => path.includes("api") || path.includes("json"));
  const damage = fc.record({
    path: fc.constantFrom(...paths),
    at: fc.nat(600),
    text: fc.oneof(fc.string({ maxLength: 12 }), fc.json()),
  });
  await fc.assert(
    fc.asyncProperty(damage, fc.boolean(), async ({ path, at, text }, isCut) => {
      const whole = new TextDecoder().decode(routes.get(path));
      const start = at % (whole.length + 1);
      const broken = whole.slice(0, start) + text + (isCut ? "" : whole.slice(start + text.length));
      const damaged = new Map(routes).set(path, new TextEncoder().encode(broken));
      try {
        const { files } = await open(routesFetch(damaged)).list(REF);
        for (const file of files) expect(isSafePath(file.path), file.path).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(MiniCpmError);
      }
    }),
    { numRuns: 300, seed: 20261122 },
  );
});

// The checksum must come from the hub that was asked first: a mirror that chose it could serve anything.
test("a mirror is matched by sum or by path and size", async () => {
  const [routes, open] = HUBS["Hugging Face"];
  const first = open(routesFetch(routes));
  const [otherRoutes] = HUBS.ModelScope;
  const other = modelScopeHub(testHttp({ fetch: routesFetch(otherRoutes) }), "http://scope.invalid");
  const listing = await listRepo([first, other], REF);
  const urls = await Promise.all(mirrorsOf(listing.files[2], listing, [first, other]).map((mirror) => mirror()));
  expect(urls).toEqual([listing.files[2].url, "http://scope.invalid/models/a/b/resolve/master/config.json"]);
  const changed = { ...listing.files[0], sizeBytes: 1, digest: { algorithm: "sha256", hex: "0".repeat(64) } as const };
  expect(await mirrorsOf(changed, listing, [first, other])[1]()).toBeUndefined();
});
