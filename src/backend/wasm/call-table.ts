import { kernelSignature } from "./kernels/kernel.ts";
import { KERNEL_SIGNATURES } from "./kernels/module.ts";

/**
 * Copies rows [begin, end) of `rowBytes` bytes from another memory into the memory of the call. No kernel: an instance sees
 * one memory, so threads do it between kernels (worker-loop.ts).
 */
export const copyAcross = kernelSignature("copyAcross", ["fromMemory", "from", "to", "rowBytes", "begin", "end"]);

/** Everything that an encoded call may name, in order; the same for each memory. */
export const CALL_SIGNATURES = [...KERNEL_SIGNATURES, copyAcross];

/** First word of an encoded call: which memory's instance, and which of its kernels. */
export function callIndex(memory: number, signature: number): number {
  return memory * CALL_SIGNATURES.length + signature;
}
