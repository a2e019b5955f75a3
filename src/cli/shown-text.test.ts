import { expect, test } from "vitest";
import { MarkFilter } from "./shown-text.ts";

const TEXTS = [
  "12.99<box>612 803 771 826</box>",
  "<ref>a</ref><box>1 2 3 4</box>, b < c <d>",
  "a<box>1 2",
  "1 < 2",
  "<quad>1 2 3 4 5 6 7 8</quad>end",
];

// would catch: half a mark on the terminal, or a "<" of the text itself that is swallowed
test.each(TEXTS)("%s comes without its marks, however it is cut into pieces", (text) => {
  for (let size = 1; size <= text.length; size++) {
    const filter = new MarkFilter();
    let shown = "";
    for (let at = 0; at < text.length; at += size) shown += filter.push(text.slice(at, at + size));
    shown += filter.flush();
    const whole = text.replaceAll(/<\/?ref>|<(box|quad)>[^<]*(<\/\1>|$)/g, "");
    expect(shown, `pieces of ${size}`).toBe(whole);
  }
});
