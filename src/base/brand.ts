declare const brand: unique symbol;

/** A `T` that must not mix with other values of the same run-time type. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Index of a token in a vocabulary. */
export type TokenId = Brand<number, "TokenId">;

/** Says that a number read from a vocabulary or a model is a token id. */
export function tokenId(value: number): TokenId {
  return value as TokenId;
}
