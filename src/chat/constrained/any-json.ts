import type { JsonPieces } from "./json-pieces.ts";
import type { NodeIndex, Program, RuleIndex } from "./program.ts";

/** Rules for any JSON value and for any JSON object. */
export function anyJson(program: Program, pieces: JsonPieces): { value: RuleIndex; object: RuleIndex } {
  const value = program.declareRule();
  const object = program.rule((next) => {
    const member = (then: NodeIndex): NodeIndex =>
      pieces.string(0, undefined, program.literal(":", pieces.space(program.call(value, then))));
    return program.literal("{", delimited(program, pieces, member, program.literal("}", next)));
  });
  program.defineRule(value, (next) => {
    const item = (then: NodeIndex): NodeIndex => program.call(value, then);
    return program.split([
      program.call(object, next),
      program.literal("[", delimited(program, pieces, item, program.literal("]", next))),
      pieces.string(0, undefined, next),
      pieces.number(next),
      ...["true", "false", "null"].map((word) => program.literal(word, next)),
    ]);
  });
  return { value, object };
}

/** Any number of items with commas between them, then `end`. */
export function delimited(
  program: Program,
  pieces: JsonPieces,
  item: (next: NodeIndex) => NodeIndex,
  end: NodeIndex,
): NodeIndex {
  const close = pieces.space(end);
  const more = program.repeat((then) => program.literal(",", pieces.space(item(then))), 0, undefined, close);
  return pieces.space(program.split([item(more), end]));
}
