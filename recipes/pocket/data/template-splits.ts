import type { Split } from "./types.ts";

/** Templates a model never trains on; every other template is for training. Fixed before the first run. */
export const templateSplits: Readonly<Record<Exclude<Split, "train">, readonly string[]>> = {
  validation: ["receipt-hotel", "invoice-sidebar"],
  heldOut: [
    "receipt-pharmacy",
    "receipt-fuel",
    "receipt-ticket",
    "receipt-boxed",
    "invoice-statement",
    "form-cards",
    "label-parcel",
  ],
};
