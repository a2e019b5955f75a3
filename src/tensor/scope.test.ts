import { expect, test } from "vitest";
import { DisposedError } from "../base/errors.ts";
import { Scope } from "./scope.ts";

// bug: weights given back before the executables that read them
test("a scope gives back what it owns in reverse order, once", () => {
  const order: string[] = [];
  const scope = new Scope("the model");
  for (const name of ["weight", "state", "executable"]) {
    scope.own({ [Symbol.dispose]: () => void order.push(name) });
  }
  scope[Symbol.dispose]();
  expect(order).toEqual(["executable", "state", "weight"]);
});

// bug: a closed scope that takes a resource and never gives it back
test("a closed scope takes nothing more and is not closed twice", () => {
  const scope = new Scope("the model");
  scope[Symbol.dispose]();
  expect(() => scope.own({ [Symbol.dispose]: () => undefined })).toThrow(DisposedError);
  expect(() => scope[Symbol.dispose]()).toThrow(/the model was disposed again/);
});
