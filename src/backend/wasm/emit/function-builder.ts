import type { Expression, I32, Local, Operand, Statement, V128, ValueType } from "./expression.ts";
import { asF32, asI32, constI32, expression } from "./expression.ts";
import { unsignedLeb } from "./leb.ts";
import { i32 } from "./scalar.ts";

/** Encoding of value types. */
export const VALUE_TYPE_CODE: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/** Target of a branch: the end of a block or the head of a loop. */
export interface Label {
  readonly depth: number;
}

/** Bounds of a counted loop. `step` is a number; the counter must not pass 2^31. */
export interface LoopRange {
  readonly from: Operand<"i32">;
  readonly below: Operand<"i32">;
  readonly step?: number;
}

/**
 * Writes one function body. Statements are emitted in call order and nothing is rearranged: the order of
 * instructions in an inner loop is the order of calls here.
 */
export class FunctionBuilder {
  readonly parameterTypes: readonly ValueType[];
  readonly resultType: ValueType | undefined;
  readonly #locals: ValueType[] = [];
  readonly #code: number[] = [];
  readonly #prologue: number[] = [];
  readonly #hoisted = new Map<string, Local<ValueType>>();
  #depth = 0;

  constructor(parameterTypes: readonly ValueType[], resultType: ValueType | undefined) {
    this.parameterTypes = parameterTypes;
    this.resultType = resultType;
  }

  parameter<T extends ValueType>(index: number, type: T): Local<T> {
    return { type, index, code: [0x20, ...unsignedLeb(index)] };
  }

  /** New local, zero at function entry, optionally set here and now. */
  local<T extends ValueType>(type: T, initial?: Operand<T>): Local<T> {
    const local = this.parameter(this.parameterTypes.length + this.#locals.length, type);
    this.#locals.push(type);
    if (initial !== undefined) this.set(local, initial);
    return local;
  }

  i32(initial?: Operand<"i32">): Local<"i32"> {
    return this.local("i32", initial);
  }

  f32(initial?: Operand<"f32">): Local<"f32"> {
    return this.local("f32", initial);
  }

  v128(initial?: V128): Local<"v128"> {
    return this.local("v128", initial);
  }

  /** Several vector locals, zero at function entry. */
  vectors(count: number): Local<"v128">[] {
    return Array.from({ length: count }, () => this.local("v128"));
  }

  /**
   * A constant computed once at function entry; the same constant twice is one local. Engines build a vector constant
   * anew at every use, three instructions long, loops included.
   */
  hoist<T extends ValueType>(constant: Expression<T>): Local<T> {
    const key = constant.code.join();
    const known = this.#hoisted.get(key);
    if (known !== undefined) return known as Local<T>;
    const local = this.local(constant.type);
    this.#prologue.push(...constant.code, 0x21, ...unsignedLeb(local.index));
    this.#hoisted.set(key, local);
    return local;
  }

  set<T extends ValueType>(local: Local<T>, value: Operand<T>): void {
    const code = typeof value === "number" ? this.#literal(local.type, value) : value;
    this.#push(code, [0x21, ...unsignedLeb(local.index)]);
  }

  /** local += amount. */
  advance(local: Local<"i32">, amount: Operand<"i32">): void {
    this.set(local, i32.add(local, amount));
  }

  emit(...statements: readonly Statement[]): void {
    for (const statement of statements) this.#push(statement, []);
  }

  drop(value: Expression<ValueType>): void {
    this.#push(value, [0x1a]);
  }

  return(value?: Expression<ValueType>): void {
    this.#push(value ?? { code: [] }, [0x0f]);
  }

  block(body: (exit: Label) => void): void {
    this.#structured([0x02, 0x40], body);
  }

  /** Falls out at the end; branch to the label to go round again. */
  loop(body: (again: Label) => void): void {
    this.#structured([0x03, 0x40], body);
  }

  if(condition: I32, whenTrue: () => void, whenFalse?: () => void): void {
    this.#push(condition, []);
    this.#structured([0x04, 0x40], () => {
      whenTrue();
      if (whenFalse === undefined) return;
      this.#code.push(0x05);
      whenFalse();
    });
  }

  branch(label: Label): void {
    this.#code.push(0x0c, ...unsignedLeb(this.#depth - label.depth));
  }

  branchIf(condition: I32, label: Label): void {
    this.#push(condition, [0x0d, ...unsignedLeb(this.#depth - label.depth)]);
  }

  /** for (counter = from; counter < below; counter += step), signed, tested before the first round. */
  for(counter: Local<"i32">, range: LoopRange, body: () => void): void {
    this.set(counter, range.from);
    this.if(i32.ltS(counter, range.below), () => {
      this.loop((again) => {
        body();
        this.advance(counter, range.step ?? 1);
        this.branchIf(i32.ltS(counter, range.below), again);
      });
    });
  }

  /** do { body } while (condition): the tightest loop; the caller knows that it runs at least once. */
  doWhile(body: () => void, condition: () => I32): void {
    this.loop((again) => {
      body();
      this.branchIf(condition(), again);
    });
  }

  while(condition: I32, body: () => void): void {
    this.if(condition, () => this.doWhile(body, () => condition));
  }

  /** Size-prefixed code entry of the module's code section. */
  encode(): number[] {
    const groups = this.#locals.flatMap((type) => [1, VALUE_TYPE_CODE[type]]);
    const body = [...unsignedLeb(this.#locals.length), ...groups, ...this.#prologue, ...this.#code, 0x0b];
    return [...unsignedLeb(body.length), ...body];
  }

  #literal(type: ValueType, value: number): Expression<ValueType> {
    return type === "f32"
      ? asF32(value)
      : type === "i32"
        ? asI32(value)
        : expression("v128", [constI32(value)], [0xfd, 17]);
  }

  #structured(opening: readonly number[], body: (label: Label) => void): void {
    this.#code.push(...opening);
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    this.#code.push(0x0b);
  }

  #push(code: { readonly code: readonly number[] }, suffix: readonly number[]): void {
    for (const byte of code.code) this.#code.push(byte);
    for (const byte of suffix) this.#code.push(byte);
  }
}
