import { anyJson } from "./any-json.ts";
import { Grammar } from "./grammar.ts";
import { JsonPieces } from "./json-pieces.ts";
import { Program } from "./program.ts";
import { SchemaCompiler } from "./schema-compiler.ts";

export interface GrammarOptions {
  /** Calls that may be open at once; one level of nesting takes one or two. Default 64. */
  readonly maxDepth?: number;
}

/**
 * The grammar of the JSON texts that satisfy a schema. Throws SchemaFormatError, SchemaUnsupportedError (naming the
 * keyword) and SchemaUnsatisfiableError.
 */
export function compileSchema(schema: unknown, options: GrammarOptions = {}): Grammar {
  const compiler = new SchemaCompiler(schema);
  const body = compiler.value(schema, "schema", compiler.program.return);
  return new Grammar(compiler.program, compiler.pieces.space(body), options.maxDepth);
}

/** The grammar of any JSON object (`json_object` mode). */
export function jsonObjectGrammar(options: GrammarOptions = {}): Grammar {
  const program = new Program();
  const pieces = new JsonPieces(program);
  const { object } = anyJson(program, pieces);
  return new Grammar(program, pieces.space(program.call(object, program.return)), options.maxDepth);
}
