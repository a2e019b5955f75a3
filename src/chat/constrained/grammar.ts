import { invariant } from "../../base/invariant.ts";
import { hasByte } from "./byte-set.ts";
import { SchemaUnsatisfiableError, SchemaUnsupportedError } from "./errors.ts";
import type { NodeIndex, Program } from "./program.ts";

/** Calls that may be open at once: how deep values nest inside each other, with a few for their parts. */
const DEFAULT_MAX_DEPTH = 64;
const MAX_STATES = 5_000; // about 2 kB each
const MAX_THREADS = 10_000; // nested repetitions could otherwise make each byte cost seconds
const UTF8 = new TextEncoder();

/** A row of nodes to return to; equal rows are one object. */
interface Frame {
  readonly id: number;
  readonly node: NodeIndex;
  readonly parent: Frame | undefined;
  readonly depth: number;
  readonly children: Map<NodeIndex, Frame>;
}

/** A place the automaton may be in: before a byte, or at the end of everything. */
interface Thread {
  readonly node: NodeIndex | undefined;
  readonly frame: Frame | undefined;
}

/** A language over bytes. Immutable apart from caches; states can be kept, compared and returned to. */
export class Grammar {
  readonly start: GrammarState;
  readonly #program: Program;
  readonly #needs: Float64Array;
  readonly #maxDepth: number;
  readonly #roots = new Map<NodeIndex, Frame>();
  readonly #states = new Map<string, GrammarState>();
  #frameCount = 0;

  /** Throws SchemaUnsatisfiableError where no text matches. */
  constructor(program: Program, start: NodeIndex, maxDepth = DEFAULT_MAX_DEPTH) {
    this.#program = program;
    this.#needs = program.depthNeeds();
    this.#maxDepth = maxDepth;
    if (!Number.isFinite(this.#needs[start])) {
      throw new SchemaUnsatisfiableError("schema", "it contradicts itself or contains itself without end");
    }
    if (this.#needs[start] > maxDepth) {
      throw new SchemaUnsatisfiableError("schema", `its values nest more than ${maxDepth} calls deep`);
    }
    this.start = this.#state([{ node: start, frame: undefined }]);
  }

  /** The state after a byte; used by GrammarState, which remembers the answer. */
  step(threads: readonly Thread[], byte: number): GrammarState | undefined {
    const reached: Thread[] = [];
    for (const { node, frame } of threads) {
      if (node === undefined) continue;
      const found = this.#program.nodes[node];
      if (found.kind === "bytes" && hasByte(found.set, byte)) reached.push({ node: found.next, frame });
    }
    return reached.length === 0 ? undefined : this.#state(reached);
  }

  /** Follows splits, calls and returns to the nodes that wait for a byte. */
  #state(seeds: readonly Thread[]): GrammarState {
    const threads = new Map<string, Thread>();
    const seen = new Set<string>();
    const queue = [...seeds];
    for (let thread = queue.pop(); thread !== undefined; thread = queue.pop()) {
      const key = `${thread.node ?? "end"}:${thread.frame?.id ?? ""}`;
      if (seen.has(key)) continue;
      seen.add(key);
      this.#follow(thread, key, queue, threads);
      if (seen.size > MAX_THREADS)
        throw new SchemaUnsupportedError("schema", "ambiguity", "of nested repetitions is too much");
    }
    const key = [...threads.keys()].sort().join(" ");
    let state = this.#states.get(key);
    if (state === undefined) {
      if (this.#states.size >= MAX_STATES) this.#states.clear(); // costs speed only: states hold what they need
      state = new GrammarState(this, [...threads.values()]);
      this.#states.set(key, state);
    }
    return state;
  }

  #follow({ node, frame }: Thread, key: string, queue: Thread[], threads: Map<string, Thread>): void {
    if (node === undefined) {
      threads.set(key, { node, frame });
      return;
    }
    // A way that would have to open more calls than are left is no way: no state without an exit is ever reached.
    if ((frame?.depth ?? 0) + this.#needs[node] > this.#maxDepth) return;
    const found = this.#program.nodes[node];
    switch (found.kind) {
      case "bytes":
        threads.set(key, { node, frame });
        return;
      case "split":
        for (const next of found.nexts) queue.push({ node: next, frame });
        return;
      case "call": {
        const start = this.#program.ruleStarts[found.rule];
        invariant(start !== undefined, `rule ${found.rule} was declared and not defined`);
        queue.push({ node: start, frame: this.#push(found.next, frame) });
        return;
      }
      case "return":
        queue.push(
          frame === undefined ? { node: undefined, frame: undefined } : { node: frame.node, frame: frame.parent },
        );
    }
  }

  #push(node: NodeIndex, parent: Frame | undefined): Frame {
    const siblings = parent?.children ?? this.#roots;
    let frame = siblings.get(node);
    if (frame === undefined) {
      frame = { id: ++this.#frameCount, node, parent, depth: (parent?.depth ?? 0) + 1, children: new Map() };
      siblings.set(node, frame);
    }
    return frame;
  }
}

/** Where a text stands in a grammar. */
export class GrammarState {
  /** The text so far is a whole match. */
  readonly isComplete: boolean;
  readonly #grammar: Grammar;
  readonly #threads: readonly Thread[];
  readonly #next: (GrammarState | undefined)[] = new Array(256).fill(undefined);
  readonly #isKnown = new Uint8Array(256);

  constructor(grammar: Grammar, threads: readonly Thread[]) {
    this.#grammar = grammar;
    this.#threads = threads;
    this.isComplete = threads.some((thread) => thread.node === undefined);
  }

  /** Nothing can follow: the text has to end here. */
  get isFinal(): boolean {
    return this.#threads.every((thread) => thread.node === undefined);
  }

  /** The state after one more byte, or undefined where the byte is not allowed. */
  next(byte: number): GrammarState | undefined {
    if (this.#isKnown[byte] === 1) return this.#next[byte];
    const state = this.#grammar.step(this.#threads, byte);
    this.#next[byte] = state;
    this.#isKnown[byte] = 1;
    return state;
  }

  /** The state after more bytes or text, or undefined where they are not allowed. */
  advance(text: string | Uint8Array): GrammarState | undefined {
    let state: GrammarState | undefined = this;
    for (const byte of typeof text === "string" ? UTF8.encode(text) : text) {
      state = state.next(byte);
      if (state === undefined) return undefined;
    }
    return state;
  }

  /** True where the text may follow. */
  accepts(text: string): boolean {
    return this.advance(text) !== undefined;
  }
}
