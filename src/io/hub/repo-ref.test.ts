import { expect, test } from "vitest";
import { ArgumentError } from "../../base/errors.ts";
import { quantisationOf } from "./pick-files.ts";
import { looksLikeRepoRef, parseRepoRef } from "./repo-ref.ts";

test.each([
  ["openbmb/MiniCPM-V-4.6-gguf", "openbmb/MiniCPM-V-4.6-gguf", "main", undefined],
  ["openbmb/MiniCPM-V-4.6-gguf:Q4_K_M", "openbmb/MiniCPM-V-4.6-gguf", "main", "Q4_K_M"],
  ["openbmb/MiniCPM-V-4.6-gguf:Q8_0@refs/pr/1", "openbmb/MiniCPM-V-4.6-gguf", "refs/pr/1", "Q8_0"],
  ["hf:a/b@v1.0", "a/b", "v1.0", undefined],
  ["https://huggingface.co/a/b", "a/b", "main", undefined],
  ["https://huggingface.co/a/b/blob/dev/sub/x.gguf", "a/b", "dev", "sub/x.gguf"],
])("%s is read", (text, repo, revision, variant) => {
  expect(parseRepoRef(text)).toEqual({ repo, revision, variant });
});

// These become folders on disk: a revision of "../../x" would write outside the cache.
test.each(["a", "a/b/c", "../b", "a/..", "a/b@../../x", "a/b:../x.gguf", "a\\b/c", "", "a/b@", "a/b:\u0000"])(
  "%j is refused",
  (text) => {
    expect(() => parseRepoRef(text)).toThrow(ArgumentError);
  },
);

// A command must not take a path for a repository and go to the network.
test("paths do not look like repositories", () => {
  expect(looksLikeRepoRef("models/tower.gguf")).toBe(false);
  expect(looksLikeRepoRef("./models/a")).toBe(false);
  expect(looksLikeRepoRef("/abs/model.gguf")).toBe(false);
  expect(looksLikeRepoRef("openbmb/MiniCPM-V-4.6-gguf:Q4_K_M")).toBe(true);
});

// Names as published; the quantisation decides what gigabytes are fetched.
test.each([
  ["MiniCPM-V-4_6-Q4_K_M.gguf", "Q4_K_M"],
  ["ggml-model-Q4_0.gguf", "Q4_0"],
  ["Model-7.6B-F16.gguf", "F16"],
  ["mmproj-model-f16.gguf", "F16"],
  ["sub/x-IQ4_XS.gguf", "IQ4_XS"],
  ["x-Q8_0-00001-of-00002.gguf", "Q8_0"],
  ["MiniCPM-V-2_6.gguf", undefined],
])("%s is quantised as %s", (path, quantisation) => {
  expect(quantisationOf(path)).toBe(quantisation);
});
