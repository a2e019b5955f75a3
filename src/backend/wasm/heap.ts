import { roundUp } from "../../tensor/planner.ts";
import { OutOfMemoryError } from "./errors.ts";
import { MAXIMUM_MEMORY_PAGES } from "./kernels/module.ts";

const PAGE_BYTES = 65536;
const ALIGNMENT = 64;
/** Highest address of a memory. */
export const MEMORY_BYTES = MAXIMUM_MEMORY_PAGES * PAGE_BYTES - PAGE_BYTES;

interface Block {
  readonly address: number;
  readonly bytes: number;
}

/** First-fit allocator over one WebAssembly memory; free neighbours are joined, the memory grows when it must. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  #free: Block[] = [];
  #end: number;
  #allocatedBytes = 0;
  readonly #reservedBytes: number;
  readonly #limitBytes: () => number;
  #holds = 0;
  #waiting: Block[] = [];

  /** `reservedBytes` at the start are the caller's; `limitBytes` tells the highest address now, 4 GiB at most. */
  constructor(memory: WebAssembly.Memory, reservedBytes: number, limitBytes = () => MEMORY_BYTES) {
    this.memory = memory;
    this.#limitBytes = limitBytes;
    this.#reservedBytes = roundUp(reservedBytes, ALIGNMENT);
    this.#end = this.#reservedBytes;
  }

  /** Bytes up to the highest address in use; none where nothing was allocated. */
  get extentBytes(): number {
    return this.#end === this.#reservedBytes ? 0 : this.#end;
  }

  /** Bytes that could still be given out, in however many pieces. */
  get roomBytes(): number {
    return Math.max(0, this.#limitBytes() - this.#reservedBytes - this.#allocatedBytes);
  }

  /** Until the matching `unhold`, freed memory is not given out again: a replay may still read it. */
  hold(): void {
    this.#holds++;
  }

  unhold(): void {
    this.#holds--;
    if (this.#holds > 0) return;
    for (const block of this.#waiting.splice(0)) this.#giveBack(block);
  }

  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /** Address of `bytes` fresh bytes, aligned to 64. Throws OutOfMemoryError. */
  allocate(bytes: number): number {
    const size = roundUp(Math.max(bytes, 1), ALIGNMENT);
    const index = this.#free.findIndex((block) => block.bytes >= size);
    if (index >= 0) {
      const block = this.#free[index];
      const rest = { address: block.address + size, bytes: block.bytes - size };
      this.#free.splice(index, 1, ...(rest.bytes > 0 ? [rest] : []));
      this.#allocatedBytes += size;
      return block.address;
    }
    const address = this.#end;
    this.#grow(address + size);
    this.#end = address + size;
    this.#allocatedBytes += size;
    return address;
  }

  free(address: number, bytes: number): void {
    const size = roundUp(Math.max(bytes, 1), ALIGNMENT);
    this.#allocatedBytes -= size;
    if (this.#holds > 0) this.#waiting.push({ address, bytes: size });
    else this.#giveBack({ address, bytes: size });
  }

  #giveBack(freed: Block): void {
    const blocks = [...this.#free, freed].sort((a, b) => a.address - b.address);
    const joined: Block[] = [];
    for (const block of blocks) {
      const last = joined.at(-1);
      if (last !== undefined && last.address + last.bytes === block.address) {
        joined[joined.length - 1] = { address: last.address, bytes: last.bytes + block.bytes };
      } else {
        joined.push(block);
      }
    }
    const top = joined.at(-1);
    if (top !== undefined && top.address + top.bytes === this.#end) {
      this.#end = top.address;
      joined.pop();
    }
    this.#free = joined;
  }

  #grow(end: number): void {
    const limitBytes = Math.min(this.#limitBytes(), MEMORY_BYTES);
    if (end > limitBytes) throw new OutOfMemoryError(end - this.#end, Math.max(0, limitBytes - this.#end));
    const have = this.memory.buffer.byteLength;
    if (end <= have) return;
    try {
      this.memory.grow(Math.ceil((end - have) / PAGE_BYTES));
    } catch (cause) {
      throw new OutOfMemoryError(end - this.#end, 0, { cause });
    }
  }
}
