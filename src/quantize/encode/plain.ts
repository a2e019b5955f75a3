import { numberToBfloat16, numberToFloat16 } from "../../base/float16.ts";
import { type Encoder, writeUint16 } from "./encoder.ts";

export const encodeF32: Encoder = ({ values }, out) =>
  out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));

/** Round to nearest even; numbers beyond 65504 become infinite, as every converter writes them. */
export const encodeF16: Encoder = ({ values }, out) => {
  for (let i = 0; i < values.length; i++) writeUint16(out, 2 * i, numberToFloat16(values[i]));
};

/** Round to nearest even. */
export const encodeBf16: Encoder = ({ values }, out) => {
  for (let i = 0; i < values.length; i++) writeUint16(out, 2 * i, numberToBfloat16(values[i]));
};
