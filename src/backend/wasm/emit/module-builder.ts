import { InvariantError } from "../../../base/errors.ts";
import type { Expression, ValueType } from "./expression.ts";
import { expression } from "./expression.ts";
import { FunctionBuilder, VALUE_TYPE_CODE } from "./function-builder.ts";
import { unsignedLeb } from "./leb.ts";

/** The one memory of the module, imported as `env.memory`. */
export interface MemoryImport {
  readonly shared: boolean;
  readonly initialPages: number;
  readonly maximumPages: number;
}

/** A function of the module, callable from later functions. */
export interface FunctionHandle {
  readonly index: number;
  /** Call as a statement; for functions without result. */
  call(...operands: readonly Expression<ValueType>[]): Expression<"void">;
}

const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Collects functions and writes the binary of one WebAssembly module. */
export class ModuleBuilder {
  readonly #memory: MemoryImport;
  readonly #functions: FunctionBuilder[] = [];
  readonly #exports: { readonly name: string; readonly index: number }[] = [];

  constructor(memory: MemoryImport) {
    this.#memory = memory;
  }

  /** Adds a function; `name` exports it. The body is written at once. */
  function(
    parameterTypes: readonly ValueType[],
    options: { readonly name?: string; readonly result?: ValueType },
    body: (f: FunctionBuilder) => void,
  ): FunctionHandle {
    const f = new FunctionBuilder(parameterTypes, options.result);
    body(f);
    const index = this.#functions.length;
    this.#functions.push(f);
    if (options.name !== undefined) this.#export(options.name, index);
    return handleOf(index);
  }

  /** An exported function that was added before. */
  exported(name: string): FunctionHandle {
    const entry = this.#exports.find((candidate) => candidate.name === name);
    if (entry === undefined) throw new InvariantError(`kernel ${name} is called before it is emitted.`);
    return handleOf(entry.index);
  }

  /** The module's bytes. */
  encode(): Uint8Array<ArrayBuffer> {
    const types = this.#functions.map((f) => this.#functionType(f));
    const distinct = [...new Set(types)];
    const typeBytes = distinct.map((type) => type.split(",").map(Number));
    const indices = types.map((type) => unsignedLeb(distinct.indexOf(type)));
    const exports = this.#exports.map(({ name, index }) => [...text(name), 0x00, ...unsignedLeb(index)]);
    return Uint8Array.from([
      ...HEADER,
      ...section(SECTION.type, typeBytes),
      ...section(SECTION.import, [[...text("env"), ...text("memory"), 0x02, ...this.#memoryLimits()]]),
      ...section(SECTION.function, indices),
      ...section(SECTION.export, exports),
      ...section(
        SECTION.code,
        this.#functions.map((f) => f.encode()),
      ),
    ]);
  }

  #export(name: string, index: number): void {
    if (this.#exports.some((entry) => entry.name === name))
      throw new InvariantError(`kernel ${name} is emitted twice.`);
    this.#exports.push({ name, index });
  }

  #functionType(f: FunctionBuilder): string {
    const codes = f.parameterTypes.map((type) => VALUE_TYPE_CODE[type]);
    const results = f.resultType === undefined ? [0] : [1, VALUE_TYPE_CODE[f.resultType]];
    return [0x60, ...unsignedLeb(codes.length), ...codes, ...results].join(",");
  }

  #memoryLimits(): number[] {
    const { shared, initialPages, maximumPages } = this.#memory;
    return [shared ? 3 : 1, ...unsignedLeb(initialPages), ...unsignedLeb(maximumPages)];
  }
}

function handleOf(index: number): FunctionHandle {
  return { index, call: (...operands) => expression("void", operands, [0x10, ...unsignedLeb(index)]) };
}

function section(id: number, entries: readonly (readonly number[])[]): number[] {
  const body = [...unsignedLeb(entries.length), ...entries.flat()];
  return [id, ...unsignedLeb(body.length), ...body];
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsignedLeb(bytes.length), ...bytes];
}
