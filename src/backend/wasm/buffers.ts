import { roundUp } from "../../tensor/planner.ts";

/** Memory that a plan refers to before its address is known. */
export interface PlacedBuffer {
  readonly bytes: number;
  /** Index of the memory that it lies in. */
  readonly memory: number;
  /** Address in that memory, given where the arena of each memory lies now. */
  address(arenas: readonly number[]): number;
}

/** Where something that stays lies: a weight, a state, a constant. */
export interface Region {
  readonly memory: number;
  readonly address: number;
  readonly bytes: number;
}

/** Memory with an address of its own: a weight or a state. */
export function fixedBuffer({ memory, address, bytes }: Region): PlacedBuffer {
  return { memory, bytes, address: () => address };
}

/** Part of a memory's arena; `planArena` gives it an offset. */
export class ArenaBuffer implements PlacedBuffer {
  readonly memory: number;
  readonly bytes: number;
  offset = 0;
  first = Number.POSITIVE_INFINITY;
  last = Number.NEGATIVE_INFINITY;

  constructor(memory: number, bytes: number) {
    this.memory = memory;
    this.bytes = bytes;
  }

  address(arenas: readonly number[]): number {
    return arenas[this.memory] + this.offset;
  }

  /** Says that the buffer must hold its data during `epoch`. */
  touch(epoch: number): void {
    this.first = Math.min(this.first, epoch);
    this.last = Math.max(this.last, epoch);
  }
}

const ALIGNMENT = 64;

/** Lays buffers out by lifetime, largest first, each at the lowest offset that is free while it lives. Returns the size. */
export function planArena(buffers: readonly ArenaBuffer[]): number {
  const placed: ArenaBuffer[] = [];
  let size = 0;
  for (const buffer of [...buffers].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const bytes = roundUp(buffer.bytes, ALIGNMENT);
    const busy = placed
      .filter((other) => other.first <= buffer.last && buffer.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of busy) {
      if (other.offset - offset >= bytes) break;
      offset = Math.max(offset, other.offset + roundUp(other.bytes, ALIGNMENT));
    }
    buffer.offset = offset;
    placed.push(buffer);
    size = Math.max(size, offset + bytes);
  }
  return size;
}
