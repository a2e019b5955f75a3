/**
 * Safari and other WebKits have no Symbol.dispose yet: without it every `[Symbol.dispose]()` would be a method called
 * "undefined". Entry points import this first; the names are the ones that compilers' own helpers look for.
 */
for (const name of ["dispose", "asyncDispose"] as const) {
  if (Symbol[name] === undefined) Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
}
