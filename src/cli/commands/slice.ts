import { writeFile } from "node:fs/promises";
import { decodeImage } from "../../image/decode-image.ts";
import { drawSlicePlan } from "../../image/draw-slice-plan.ts";
import { encodePng } from "../../image/png/encode-png.ts";
import { type PictureRule, planPicture } from "../../image/prepare-picture.ts";
import { viewCount, viewSizes } from "../../image/slice-plan.ts";
import { llavaNextCost, pictureTokens, viewTokens } from "../../image/token-cost.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import { readStdin } from "../answer-flags.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { choice } from "../model-flags.ts";

const VERSIONS = ["1.0", "2.0", "2.5", "2.6", "4.0", "4.5", "4.6"] as const;

/** `minicpmv slice photo.jpg --out grid.png` */
export const sliceCommand: Command = {
  name: "slice",
  summary: "Shows how a model will cut a picture, and what it costs in tokens. Needs no model.",
  usage: "PICTURE [--out FILE]",
  flags: {
    out: { type: "string", short: "o", value: "FILE", help: "draw overview, grid and costs into a PNG" },
    version: { type: "string", value: "V", help: `${VERSIONS.join(", ")} (4.6)` },
    "max-slices": { type: "string", value: "N", help: "most slices beside the overview (9)" },
    downsample: { type: "string", value: "MODE", help: "16x or 4x (version 4.6)" },
    detail: { type: "string", value: "LEVEL", help: "low (overview alone), auto or high" },
    "ignore-orientation": { type: "boolean", help: "leave EXIF orientation aside, as the released code does" },
    json: { type: "boolean", help: "print the plan as JSON" },
  },
  examples: [
    "minicpmv slice photo.jpg --out grid.png",
    "minicpmv slice page.png --version 2.5 --json",
    "minicpmv slice page.png --max-slices 36",
  ],
  run,
};

const QUERIES = { "1.0": 64, "2.0": 64, "2.5": 96, "2.6": 64, "4.0": 64, "4.5": 64 } as const;
const NINE = 9;
const MOST = 36;

function ruleFor(args: Arguments): PictureRule {
  const version = choice(args, "version", VERSIONS) ?? "4.6";
  const detail = choice(args, "detail", ["low", "auto", "high"]) ?? "auto";
  const asked = choice(args, "downsample", ["16x", "4x"]);
  const mode = asked ?? "16x";
  const isMerging = version === "4.6";
  if (asked !== undefined && !isMerging) {
    throw new UsageError(`Version ${version} has no --downsample.`, "Leave it out, or choose --version 4.6.");
  }
  const most = detail === "high" && isMerging ? MOST : NINE;
  const maxSlices = args.number("max-slices") ?? most;
  const tokens = isMerging
    ? ({ kind: "merge", mode } as const)
    : ({ kind: "queries", perView: QUERIES[version] } as const);
  if (version === "1.0") return { partition: { kind: "fixed", side: 448 }, arithmetic: "pillow", tokens };
  const granule = isMerging ? (mode === "16x" ? 56 : 28) : 14;
  const neverSplit = detail === "low" || maxSlices === 1;
  return {
    partition: { kind: "sliced", granule, maxSlices, neverSplit },
    arithmetic: isMerging ? "torchvision" : "pillow",
    tokens,
  };
}

async function run(args: Arguments, { terminal }: CommandContext): Promise<number> {
  const [path, ...more] = args.positionals;
  if (path === undefined || more.length > 0) throw new UsageError("Name one picture.", "minicpmv slice photo.jpg");
  const platform = nodePlatform();
  const bytes = path === "-" ? await readStdin() : await readAll(path);
  const decoded = await decodeImage(bytes, {
    decoders: platform.imageDecoders,
    applyOrientation: !args.has("ignore-orientation"),
  });
  const rule = ruleFor(args);
  const plan = planPicture(decoded.image, rule);
  const out = args.text("out");
  if (out !== undefined) await writeFile(out, await encodePng(drawSlicePlan(decoded.image, plan, rule.tokens)));
  const views = viewSizes(plan).map((view) => ({ ...view, tokens: viewTokens(view, rule.tokens) }));
  const llava = llavaNextCost(decoded.image);
  const total = pictureTokens(plan, rule.tokens);
  if (args.has("json")) {
    const { stored, orientation, format, image } = decoded;
    const size = { width: image.width, height: image.height };
    const report = { file: path, format, stored, orientation, size, plan, views, tokens: total, llavaNext: llava };
    terminal.out(`${JSON.stringify(report, null, 2)}\n`);
    return EXIT.done;
  }
  const grid = plan.sliced?.grid;
  const lines = [
    `picture   ${decoded.image.width}×${decoded.image.height}, ${decoded.format}`,
    `overview  ${plan.overview.width}×${plan.overview.height}, ${views[0].tokens} tokens`,
    plan.sliced === undefined || grid === undefined
      ? "slices    none"
      : `slices    ${grid.columns}×${grid.rows} of ${plan.sliced.slice.width}×${plan.sliced.slice.height}, ${views[1].tokens} tokens each`,
    `tokens    ${total} for ${plan.sliced === undefined ? "one view" : `${viewCount(plan)} views`}; LLaVA-NeXT's scheme takes ${llava.tokens}`,
    ...(out === undefined ? [] : [`drawing   ${out}`]),
  ];
  terminal.out(`${lines.join("\n")}\n`);
  return EXIT.done;

  async function readAll(file: string): Promise<Uint8Array> {
    const source = await platform.open(file);
    try {
      return await source.read(0, source.sizeBytes);
    } finally {
      await source.close();
    }
  }
}
