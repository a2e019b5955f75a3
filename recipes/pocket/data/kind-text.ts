import { type Compose, type Composed, type KindContext, templatesOf } from "./kind.ts";
import { type Align, type Block, layout, space, stack, text, wrapText } from "./layout.ts";
import { inkColours } from "./palette.ts";
import { between, chance, integer, pick } from "./random.ts";
import { merchantName } from "./receipt-data.ts";
import { logo, printable, rule, ruleStyles, type TypeKit, typeKit } from "./type-kit.ts";
import { drawValue, lineText } from "./values.ts";
import { phrase } from "./words.ts";

/** Prose of about `length` characters in sentences. */
function prose({ random, splits }: KindContext, length: number): string {
  let content = "";
  while (content.length < length) {
    const sentence = drawValue(random, splits.values, (r) => phrase(r, integer(r, 12, 60), chance(r, 0.05) ? 0.5 : 0));
    content += `${content === "" ? "" : " "}${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}${/[.!?:]$/.test(sentence) ? "" : "."}`;
  }
  return content;
}

function paragraph(context: KindContext, kit: TypeKit, width: number, length: number): Block[] {
  return wrapText(printable(kit, prose(context, length)), kit.body, width).map((line) => text(line, kit.body));
}

/** Separate short lines, as on signs and notes. */
function shortLines(context: KindContext, kit: TypeKit, count: number): Block[] {
  const { random, stage, splits } = context;
  const [low, high] = stage.lineCharacters;
  return Array.from({ length: count }, () =>
    text(printable(kit, lineText(random, { low, high: Math.min(high, 28), split: splits.values })), kit.body),
  );
}

function finish(context: KindContext, kit: TypeKit, root: Block, page: { width: number; template: string }): Composed {
  const { random } = context;
  const placed = layout(root, { width: page.width, margin: Math.round(kit.body.size * between(random, 0.4, 2.4)) });
  const colours = inkColours(random);
  // The kit's ink was drawn before the paper; only light papers are combined with it.
  const coloured = colours.coloured && !colours.paper.match(/,[1-3]\d%\)$/);
  return {
    scene: { ...placed, paper: coloured ? colours.paper : "#f6f6f4", coloured },
    template: page.template,
    printer: "offset",
    fontPixels: Math.min(kit.small.size, kit.body.size),
    inverted: 0.08,
  };
}

const darkInks = ["#101010", "#202020", "#1a1a40", "#401a1a", "#123524", "#333333"];

/** Two to nine lines: a paragraph or separate lines. */
export const composeBlock: Compose = (context) => {
  const { random } = context;
  const kit = typeKit(context, { mono: 0.2, ink: pick(random, darkInks), upper: 0.1 });
  const width = kit.body.size * between(random, 9, 20);
  const lines = chance(random, 0.5)
    ? paragraph(context, kit, width, integer(random, 30, 260))
    : shortLines(context, kit, integer(random, 2, 8));
  const align: Align = pick(random, ["start", "start", "center", "end"]);
  return finish(context, kit, stack(lines, { align }), { width, template: "block" });
};

const headingTemplates = ["heading-centre", "heading-left", "heading-beside", "heading-plain"];

/** A mark of simple shapes, the line under it, and text below. */
export const composeHeading: Compose = (context) => {
  const { random, splits } = context;
  const template = pick(random, templatesOf(headingTemplates, splits.templates));
  const kit = typeKit(context, { mono: 0.1, ink: pick(random, darkInks), titleScale: [1.3, 2.2], upper: 0.1 });
  const width = kit.body.size * between(random, 10, 20);
  const name = printable(
    kit,
    drawValue(random, splits.values, (r) => (chance(r, 0.6) ? merchantName(r) : phrase(r, 22))),
  );
  const plain = template === "heading-plain";
  const title = text(name, kit.title, plain ? ["heading"] : ["underLogo", "heading"]);
  const mark = logo(
    random,
    pick(random, [kit.ink, "#b03020", "#2050a0", "#207040", "#c08010"]),
    kit.title.size * between(random, 1.5, 3),
  );
  const below = chance(random, 0.5)
    ? shortLines(context, kit, integer(random, 1, 4))
    : paragraph(context, kit, width, integer(random, 20, 140));
  const divider = chance(random, 0.3) ? [rule(kit, pick(random, ruleStyles))] : [space(kit.body.size * 0.4)];
  if (template === "heading-beside") {
    const beside = text(name, kit.title, ["heading"]);
    const head: Block = {
      kind: "row",
      gap: kit.body.size * 0.6,
      cells: [{ block: mark }, { block: stack([space(kit.title.size * 0.5), beside]) }],
    };
    return finish(context, kit, stack([head, ...divider, ...below]), { width, template });
  }
  const head = plain ? [title] : [mark, space(kit.body.size * 0.3), title];
  return finish(
    context,
    kit,
    stack([...head, ...divider, ...below], { align: template === "heading-left" ? "start" : "center" }),
    { width, template },
  );
};

/** A page of two columns under one heading; read column by column. */
export const composeColumns: Compose = (context) => {
  const { random, splits } = context;
  const kit = typeKit(context, { mono: 0.05, ink: pick(random, darkInks), titleScale: [1.3, 2] });
  const column = kit.body.size * between(random, 9, 14);
  const gap = kit.body.size * between(random, 1.2, 2.5);
  const title = printable(
    kit,
    drawValue(random, splits.values, (r) => phrase(r, 26)),
  );
  const cells = [0, 1].map(() => ({
    block: stack(paragraph(context, kit, column, integer(random, 60, 260))),
    width: column,
  }));
  const head = chance(random, 0.8) ? [text(title, kit.title, ["heading"]), space(kit.body.size * 0.5)] : [];
  const root = stack([...head, { kind: "row", gap, cells }]);
  return finish(context, kit, root, { width: 2 * column + gap, template: "columns" });
};

/** Paper without print, sometimes with a rule or an empty frame. */
export const composeBlank: Compose = (context) => {
  const { random } = context;
  const [width, height] = [integer(random, 60, 480), integer(random, 40, 480)];
  const paper = Math.round(between(random, 120, 255));
  const lines = chance(random, 0.4) ? integer(random, 1, 8) : 0;
  const draw = (
    canvas: Parameters<Extract<Composed["scene"]["nodes"][number], { kind: "shape" }>["draw"]>[0],
  ): void => {
    canvas.strokeStyle = "#777";
    for (let i = 0; i < lines; i++)
      canvas.strokeRect(
        width * 0.08,
        ((i + 1) * height) / (lines + 1),
        width * 0.84,
        chance(random, 0.5) ? 0.5 : height / (lines + 2),
      );
  };
  return {
    scene: {
      width,
      height,
      paper: `rgb(${paper},${paper},${paper})`,
      coloured: false,
      nodes: [{ kind: "shape", draw }],
    },
    template: "blank",
    printer: "offset",
    fontPixels: 20,
    inverted: 0.1,
  };
};
