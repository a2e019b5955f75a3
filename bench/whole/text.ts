/** A plain text without a picture, which every tool can read. */
export const TEXT = "abcdefgh ijk";
