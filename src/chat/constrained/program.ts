import { invariant } from "../../base/invariant.ts";
import { type ByteSet, bytesIn, isEmptySet } from "./byte-set.ts";
import { SchemaUnsupportedError } from "./errors.ts";

/** Index of a node. A fragment is built back to front: every builder takes the node that follows it. */
export type NodeIndex = number;
/** Index of a rule: a part of the grammar that is entered by a call and can contain itself. */
export type RuleIndex = number;

export type ProgramNode =
  | { readonly kind: "bytes"; readonly set: ByteSet; readonly next: NodeIndex }
  | { readonly kind: "split"; readonly nexts: readonly NodeIndex[] }
  | { readonly kind: "call"; readonly rule: RuleIndex; readonly next: NodeIndex }
  | { readonly kind: "return" };

const MAX_NODES = 400_000;
const UTF8 = new TextEncoder();

/** A grammar over bytes as a graph: a pushdown automaton whose stack holds the nodes to return to. */
export class Program {
  readonly nodes: ProgramNode[] = [{ kind: "return" }];
  readonly ruleStarts: (NodeIndex | undefined)[] = [];

  /** The node that ends a rule. */
  readonly return: NodeIndex = 0;

  bytes(set: ByteSet, next: NodeIndex): NodeIndex {
    return this.#add({ kind: "bytes", set, next });
  }

  /** One of several ways; none at all never matches. */
  split(nexts: readonly NodeIndex[]): NodeIndex {
    return nexts.length === 1 ? nexts[0] : this.#add({ kind: "split", nexts });
  }

  call(rule: RuleIndex, next: NodeIndex): NodeIndex {
    return this.#add({ kind: "call", rule, next });
  }

  /** A literal text as UTF-8. */
  literal(text: string, next: NodeIndex): NodeIndex {
    let node = next;
    for (const byte of UTF8.encode(text).reverse()) {
      const set = new Uint32Array(8);
      set[byte >> 5] = 1 << (byte & 31);
      node = this.bytes(set, node);
    }
    return node;
  }

  /** One character out of an ASCII string. */
  oneOf(characters: string, next: NodeIndex): NodeIndex {
    return this.bytes(bytesIn(characters), next);
  }

  optional(build: (next: NodeIndex) => NodeIndex, next: NodeIndex): NodeIndex {
    return this.split([build(next), next]);
  }

  /** `build` from `least` to `most` times; `most` absent: without end. */
  repeat(build: (next: NodeIndex) => NodeIndex, least: number, most: number | undefined, next: NodeIndex): NodeIndex {
    let node = next;
    if (most === undefined) node = this.#loop(build, next);
    else for (let i = least; i < most; i++) node = this.split([build(node), next]);
    for (let i = 0; i < least; i++) node = build(node);
    return node;
  }

  #loop(build: (next: NodeIndex) => NodeIndex, next: NodeIndex): NodeIndex {
    const loop = this.#add({ kind: "split", nexts: [] });
    const body = build(loop);
    this.nodes[loop] = { kind: "split", nexts: [body, next] };
    return loop;
  }

  /** Makes room for a rule that may be called before it is defined. */
  declareRule(): RuleIndex {
    return this.ruleStarts.push(undefined) - 1;
  }

  /** `build` gets the node that ends the rule. */
  defineRule(rule: RuleIndex, build: (next: NodeIndex) => NodeIndex): void {
    this.ruleStarts[rule] = build(this.return);
  }

  rule(build: (next: NodeIndex) => NodeIndex): RuleIndex {
    const rule = this.declareRule();
    this.defineRule(rule, build);
    return rule;
  }

  #add(node: ProgramNode): NodeIndex {
    if (this.nodes.length >= MAX_NODES) throw new SchemaUnsupportedError("schema", "the schema's size", "is too much");
    return this.nodes.push(node) - 1;
  }

  /**
   * For each node the least number of calls that must be open at once to get from it to the end of its rule; Infinity
   * where there is no way. Keeping to it under a depth limit means never to reach a state without a way out.
   */
  depthNeeds(): Float64Array {
    const needs = new Float64Array(this.nodes.length).fill(Number.POSITIVE_INFINITY);
    // Followers mostly have lower indices, so ascending order settles a rule in one pass; loops and calls take more.
    for (let hasChanged = true; hasChanged; ) {
      hasChanged = false;
      this.nodes.forEach((node, index) => {
        const need = this.#needOf(node, needs);
        if (need < needs[index]) {
          needs[index] = need;
          hasChanged = true;
        }
      });
    }
    return needs;
  }

  #needOf(node: ProgramNode, needs: Float64Array): number {
    switch (node.kind) {
      case "return":
        return 0;
      case "bytes":
        return isEmptySet(node.set) ? Number.POSITIVE_INFINITY : needs[node.next];
      case "split":
        return node.nexts.reduce((least, next) => Math.min(least, needs[next]), Number.POSITIVE_INFINITY);
      case "call": {
        const start = this.ruleStarts[node.rule];
        invariant(start !== undefined, `rule ${node.rule} was declared and not defined`);
        return Math.max(1 + needs[start], needs[node.next]);
      }
    }
  }
}
