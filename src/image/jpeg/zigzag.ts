/** Natural index of the k-th coefficient in zigzag order (T.81 figure 5). */
export const ZIGZAG = zigzag();

function zigzag(): Uint8Array {
  const order = new Uint8Array(64);
  let [row, column] = [0, 0];
  for (let k = 0; k < 64; k++) {
    order[k] = row * 8 + column;
    const isRising = (row + column) % 2 === 0;
    if (isRising) {
      if (column === 7) row += 1;
      else {
        column += 1;
        if (row > 0) row -= 1;
      }
    } else if (row === 7) column += 1;
    else {
      row += 1;
      if (column > 0) column -= 1;
    }
  }
  return order;
}
