import { expect, test } from "vitest";
import { dim } from "../../tensor/dim.ts";
import { record } from "../../tensor/recorder.ts";
import { OutOfMemoryError } from "./errors.ts";
import { Memories, memoriesFor } from "./memories.ts";

const KIB = 1024;
const open = (count: number) =>
  Array.from({ length: count }, () => new WebAssembly.Memory({ initial: 1, maximum: 65536 }));

/** Allocates a weight as the backend does, and says where it went. */
function place(memories: Memories, name: string, bytes: number): number {
  return memories.placeWeight(name, bytes, (memory) => {
    memories.heaps[memory].allocate(bytes);
    return memory;
  });
}

// bugs: weights that alternate, so that every layer crosses borders; a weight refused while another memory has room
test("weights fill one memory after the other, then what the share left", () => {
  const memories = new Memories(open(2), 0, { eachBytes: 128 * KIB, weightBytes: 64 * KIB });
  const names = ["a", "b", "c", "d", "e", "f"];
  expect(names.map((name) => place(memories, name, 32 * KIB))).toEqual([0, 0, 1, 1, 0, 0]);
});

// bug: a refusal that names the last memory tried instead of what is left, or none at all
test("what fits no memory is refused with its size, and the rest is as before", () => {
  const memories = new Memories(open(2), 0, { eachBytes: 64 * KIB });
  place(memories, "a", 40 * KIB);
  const before = memories.allocatedBytes;
  expect(() => place(memories, "b", 70 * KIB)).toThrow(OutOfMemoryError);
  expect(() => place(memories, "b", 70 * KIB)).toThrow(/0\.1 MiB are needed in one piece/);
  expect(memories.allocatedBytes).toBe(before);
  expect(place(memories, "c", 60 * KIB)).toBe(1);
});

// bug: a limit that each memory has for itself
test("one limit holds for all memories together", () => {
  const memories = new Memories(open(3), 0, { eachBytes: 64 * KIB, totalBytes: 100 * KIB, weightBytes: 32 * KIB });
  expect([place(memories, "a", 32 * KIB), place(memories, "b", 32 * KIB)]).toEqual([0, 1]);
  expect(place(memories, "c", 32 * KIB)).toBe(2);
  expect(() => place(memories, "d", 32 * KIB)).toThrow(OutOfMemoryError);
});

// bugs: keys and values of one layer apart, which no kernel can read; every cache in the first memory
test("states lie beside the weights of their layer, and those that one op reads lie together", () => {
  const graph = record((ops) => {
    const [T, D, L, G, C] = [dim("T", 4), dim("D", 16), dim("L", 64), dim("G", 2), dim("C", 8)];
    const slots = ops.input<["T"]>("slots", "i32", T);
    const table = ops.input<["B", "S"]>("table", "i32", dim("B", 1), dim("S", 1));
    const rows = ops.input<["T", "Y"]>("rows", "i32", T, dim("Y", 2));
    let x = ops.input<["T", "D"]>("x", "f32", T, D);
    for (const layer of [0, 1]) {
      const rowsOf = (name: string) =>
        ops.linear(x, { weight: ops.weight<["K", "D"]>(`${name}${layer}`, dim("K", 16), D) });
      const q = ops.splitHeads(rowsOf("q"), dim("H", 2), C);
      const [k, v] = [ops.splitHeads(rowsOf("k"), G, C), ops.splitHeads(rowsOf("v"), G, C)];
      const cache = (name: string, next: typeof k) => {
        const cached = ops.append(ops.state<["L", "G", "C"]>(`${name}.${layer}`, "f32", L, G, C), next, slots);
        ops.update(`${name}.${layer}`, cached);
        return cached;
      };
      const [keys, values] = [cache("keys", k), cache("values", v)];
      const mixed = ops.attentionCached(q, { keys, values, table, rows, scale: 1, pageSize: 64 });
      x = ops.mergeHeads(mixed, D);
    }
    ops.output("y", x);
  });
  const memories = new Memories(open(2), 0, { weightBytes: 4 * KIB });
  // the border falls between the keys and the values of the first layer
  expect(["q0", "k0", "v0", "q1", "k1", "v1"].map((name) => place(memories, name, 2 * KIB))).toEqual([
    0, 0, 1, 1, 0, 0,
  ]);
  const placed = ["keys.0", "values.0", "keys.1", "values.1"].map((name) => memories.memoryOfState(graph, name));
  expect(placed[1]).toBe(placed[0]);
  expect(placed[3]).toBe(placed[2]);
});

test("five gigabytes of weights take two memories, and a small model one", () => {
  expect([1, 3e9, 5.1e9, 9e9].map(memoriesFor)).toEqual([1, 1, 2, 3]);
});
