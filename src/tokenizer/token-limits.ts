/** Ids above this are refused: no model has such a vocabulary, and a list by id would take its memory. */
export const MAX_TOKEN_ID = 2 ** 21;

/** Merge ranks and positions share one float64 heap key, which leaves 21 bits for the rank. */
export const MAX_MERGE_COUNT = 2 ** 21;
