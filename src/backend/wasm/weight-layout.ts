import type { Precision, WeightUse } from "../../tensor/backend.ts";
import type { StorageType } from "../../tensor/dtype.ts";
import { f32PanelLength } from "./kernels/gemm-f32.ts";
import { FLOAT_SCRATCH_BYTES } from "./kernels/gemm-float.ts";
import { FORMAT_ACTIVATIONS, GEMM_SCRATCH_BYTES } from "./kernels/gemm-quantised.ts";
import { towerPanelBytes } from "./kernels/gemm-tower.ts";
import type { ActivationKind } from "./kernels/quantise-activations.ts";
import { PANEL_FORMATS, type PanelFormatName, quantisedPanelBytes } from "./kernels/weight-panel.ts";

/**
 * How a weight lies in memory. Rows are as in the file; panels are what the matrix kernels walk (weight-panel.ts). `I8x128`:
 * float weights repacked to 8 bit with one scale per 128. Frozen by docs/adr/0003-seams.md.
 */
export type WeightLayout =
  | { readonly kind: "rows"; readonly element: "F32" | "F16" | "BF16" }
  | { readonly kind: "panels"; readonly format: PanelName };

/** Formats that panels come in. */
export type PanelName = "F32" | "F16" | "BF16" | "I8x128" | PanelFormatName;

/** What the stored bits of a type become, where no kernel reads the type itself. */
const SUBSTITUTES = {
  // the same numbers: these blocks are whole multiples of their own scale, which fits the other format's fields
  Q5_0: "Q8_0",
  IQ4_NL: "Q8_0",
  Q3_K: "Q6_K",
  // the same quants; the scale of 32, a product of two stored numbers, is rounded to f16
  IQ4_XS: "Q8_0",
  // a minimum per block has no place in a format that has a kernel
  Q5_1: "F16",
  Q2_K: "F16",
} as const satisfies Partial<Record<StorageType, PanelName>>;

/** Types kept in the form of another. */
export type SubstitutedType = keyof typeof SUBSTITUTES;

export function isSubstituted(type: StorageType): type is SubstitutedType {
  return type in SUBSTITUTES;
}

const isHalf = (format: PanelName): boolean => format === "F16" || format === "BF16";

/** Panels that keep every bit of the file, or the nearest substitute. */
function exactPanels(type: StorageType): PanelName {
  return isSubstituted(type) ? SUBSTITUTES[type] : type;
}

/**
 * The form of a weight for one of its uses. Tied embeddings look rows up in the panels of the head, so that there is one
 * copy; a float head that is tied therefore stays in its 16 bit on the integer path too.
 */
export function layoutFor(
  use: WeightUse,
  type: StorageType,
  { uses, precision }: { readonly uses: readonly WeightUse[]; readonly precision: Precision },
): WeightLayout {
  const panels = exactPanels(type);
  const isTied = uses.includes("linear") && uses.includes("table");
  switch (use) {
    case "plain":
      return { kind: "rows", element: "F32" };
    case "transposed":
      // columns of quantised rows cannot be packed: their blocks lie across
      return { kind: "panels", format: panels === "F32" || panels === "BF16" ? panels : "F16" };
    case "table":
      if (type === "F32") return { kind: "rows", element: "F32" };
      if ((type === "F16" || type === "BF16") && !isTied) return { kind: "rows", element: type };
      return { kind: "panels", format: panels };
    case "linear":
      if (precision === "integer" && (panels === "F32" || (isHalf(panels) && !isTied))) {
        return { kind: "panels", format: "I8x128" };
      }
      return { kind: "panels", format: panels };
  }
}

const BYTES = { F32: 4, F16: 2, BF16: 2 } as const;

/** Whole groups of eight are read by the kernels. */
const padTo8 = (count: number): number => Math.ceil(count / 8) * 8;

/** Bytes of an [out, into] matrix in a layout. */
export function layoutBytes(layout: WeightLayout, out: number, into: number): number {
  if (layout.kind === "rows") return padTo8(out * into) * BYTES[layout.element];
  const { format } = layout;
  switch (format) {
    case "F32":
    case "F16":
    case "BF16":
      return f32PanelLength(out, into) * BYTES[format];
    case "I8x128":
      return towerPanelBytes(out, into);
    default:
      return quantisedPanelBytes(PANEL_FORMATS[format], out, into);
  }
}

/** The kernel that multiplies with panels of a format. */
export interface LinearKernel {
  readonly kernel: string;
  /** What the activations become first; absent where they stay float32. */
  readonly activations?: ActivationKind;
  /** Bytes of scratch; 0 where the kernel takes none. */
  readonly scratchBytes: number;
}

/** Picks the kernel of a linear: formats with blocks serve both precisions, floats the one they were packed for. */
export function linearKernel(format: PanelName, precision: Precision): LinearKernel {
  const suffix = format.replace("_", "");
  if (format === "F32") return { kernel: "gemmF32", scratchBytes: 0 };
  if (format === "I8x128") {
    return { kernel: "gemmI8x128", activations: "u7x128", scratchBytes: GEMM_SCRATCH_BYTES };
  }
  if (precision === "float" || format === "F16" || format === "BF16") {
    return { kernel: `gemmFloat${suffix}`, scratchBytes: FLOAT_SCRATCH_BYTES };
  }
  return { kernel: `gemm${suffix}`, activations: FORMAT_ACTIVATIONS[format], scratchBytes: GEMM_SCRATCH_BYTES };
}
