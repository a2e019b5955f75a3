import { numberToBfloat16, numberToFloat16 } from "../../base/float16.ts";
import type { Random } from "../../base/random.ts";
import { STORAGE_BLOCKS, STORAGE_FACTORS, type StorageType } from "../dtype.ts";

/** Stored bytes of `count` elements: any bits for the quants, plausible factors, some of them subnormal. */
export function randomStored(type: StorageType, count: number, random: Random): Uint8Array<ArrayBuffer> {
  if (type === "F32") return new Uint8Array(Float32Array.from({ length: count }, () => random.normal()).buffer);
  if (type === "F16" || type === "BF16") {
    const round = type === "F16" ? numberToFloat16 : numberToBfloat16;
    return new Uint8Array(Uint16Array.from({ length: count }, () => round(random.normal() / 8)).buffer);
  }
  const { elements, bytes } = STORAGE_BLOCKS[type];
  const stored = Uint8Array.from({ length: (count / elements) * bytes }, () => random.below(256));
  const view = new DataView(stored.buffer);
  for (let block = 0; block < stored.length; block += bytes) {
    for (const offset of STORAGE_FACTORS[type]) {
      const factor = (random.below(20) === 0 ? 2e-6 : 0.01) * (0.5 + random.next());
      view.setUint16(block + offset, numberToFloat16(factor), true);
    }
  }
  return stored;
}
