// Keeps one core busy until it is ended.
let x = 1;
for (;;) x = Math.sqrt(x + 1);
