import { describe, expect, test } from "vitest";
import { DataSampleError } from "../errors.ts";
import { DATA_FORMATS, type DataFormat, detectFormat } from "./formats.ts";
import { loadPictures } from "./pictures.ts";
import { type ChatSample, IMAGE_MARK, type PlacedSample } from "./sample.ts";
import { listSource, mixtureStream } from "./stream.ts";

const SAMPLES: readonly ChatSample[] = [
  {
    id: "one",
    images: ["a/receipt.png"],
    turns: [
      { role: "user", content: `${IMAGE_MARK}\nWhat is the total?` },
      { role: "assistant", content: "12.50 €" },
      { role: "user", content: "And the date?" },
      { role: "assistant", content: "3 May" },
    ],
  },
  {
    id: "two",
    images: ["b.png", "c.png"],
    turns: [
      { role: "user", content: `Compare ${IMAGE_MARK} with ${IMAGE_MARK}: “which” is \\ newer?\n` },
      { role: "assistant", content: "The second." },
    ],
  },
  {
    id: "text",
    images: [],
    turns: [
      { role: "user", content: "Say hello." },
      { role: "assistant", content: "Hello." },
    ],
  },
];

const PREFERENCE: ChatSample = { ...SAMPLES[0], rejected: "25.00 €" };

const plain = (samples: readonly PlacedSample[]): readonly ChatSample[] => samples.map(({ place: _, ...rest }) => rest);

describe.each(["official", "sharegpt", "swift"] as const)("format %s", (name: DataFormat) => {
  const format = DATA_FORMATS[name];

  // would catch: a lost turn, a picture out of order, quotes or newlines changed on the way
  test("what is written is read back, and is recognised", () => {
    const text = format.write(SAMPLES);
    expect(detectFormat(text)).toBe(name);
    expect(plain(format.read(text, "f"))).toEqual(SAMPLES);
  });

  test("what is read and written again is the same text", () => {
    const text = format.write(SAMPLES);
    expect(format.write(format.read(text, "f"))).toBe(text);
  });

  // would catch: a loader that passes over bad samples without a word, as the official one does
  test("a sample with a picture too few is refused by name", () => {
    const broken = [{ ...SAMPLES[1], images: ["b.png"], id: "lonely" }];
    expect(() => format.read(format.write([...SAMPLES, ...broken]), "data.json")).toThrow(/data\.json.*lonely/);
  });

  test("a broken line names the file", () => {
    expect(() => format.read(`${format.write(SAMPLES).slice(0, -9)}`, "data.json")).toThrow(DataSampleError);
  });
});

test.each(["sharegpt", "swift"] as const)("%s keeps the worse answer of a pair", (name) => {
  const format = DATA_FORMATS[name];
  expect(plain(format.read(format.write([PREFERENCE]), "f"))).toEqual([PREFERENCE]);
});

// would catch: the wrong line in the message, off by one or counted without the empty ones
test("a broken line of a JSONL file is named by its number", () => {
  const good = DATA_FORMATS.swift.write(SAMPLES.slice(2));
  expect(() => DATA_FORMATS.swift.read(`${good}\n{"messages": [\n`, "d.jsonl")).toThrow(/d\.jsonl, line 3/);
});

test("the official single picture without a mark stands before the first turn", () => {
  const file = JSON.stringify([
    {
      id: 7,
      image: "p.jpg",
      conversations: [
        { role: "user", content: "Read." },
        { role: "assistant", content: "A" },
      ],
    },
  ]);
  const [sample] = DATA_FORMATS.official.read(file, "f");
  expect(sample.turns[0].content).toBe("<image>\nRead.");
  expect(sample.place.id).toBe("7");
});

test("an official picture that the text asks for and the sample lacks is named", () => {
  const conversations = [
    { role: "user", content: "<image_00> and <image_01>" },
    { role: "assistant", content: "A" },
  ];
  const file = JSON.stringify([{ id: "x", image: { "<image_00>": "a.png" }, conversations }]);
  expect(() => DATA_FORMATS.official.read(file, "f.json")).toThrow(/sample 0 \(id "x"\).*<image_01>/);
});

test("ms-swift's other spellings are read", () => {
  const lines = [
    '{"query":"What?","response":"That.","history":[["Hi","Ho"]],"images":[{"path":"q.png"}],"system":"Be short."}',
    '{"messages":[{"role":"user","content":"<image>a"},{"role":"assistant","content":"b","loss":false},{"role":"user","content":"c"},{"role":"assistant","content":"d"}],"images":["x"]}',
  ];
  const [first, second] = DATA_FORMATS.swift.read(lines.join("\n"), "f");
  expect(first.turns.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user", "assistant"]);
  expect(first.turns[1].content).toBe("<image>Hi");
  expect(second.turns[1].isTrained).toBe(false);
});

test("a missing picture names the sample and the path", async () => {
  const sample = { ...SAMPLES[0], place: { file: "d.json", index: 3, id: "one" } };
  await expect(loadPictures(sample, "/nowhere")).rejects.toThrow(/d\.json, sample 3 \(id "one"\).*receipt\.png/);
});

test("a picture that is none names the sample", async () => {
  const images = [`data:image/png;base64,${Buffer.from("no picture").toString("base64")}`];
  const sample = { ...SAMPLES[0], images, place: { file: "d.jsonl", line: 5 } };
  await expect(loadPictures(sample, ".")).rejects.toThrow(/d\.jsonl, line 5.*cannot be read/);
});

async function take(from: number, count: number, seed: number): Promise<readonly string[]> {
  const parts = [
    { source: listSource("a", ["a0", "a1", "a2", "a3", "a4"]), weight: 3 },
    { source: { name: "endless", at: (index: number) => `e${index}` }, weight: 1 },
  ];
  const taken: string[] = [];
  for await (const { sample } of mixtureStream({ parts, seed, from })) {
    taken.push(sample);
    if (taken.length === count) return taken;
  }
  return taken;
}

describe("a mixture", () => {
  // would catch: a resumed run that trains on other samples than the run that was not interrupted
  test("goes on from any place as if it had never stopped", async () => {
    const whole = await take(0, 60, 5);
    for (const from of [1, 17, 42]) expect(await take(from, 60 - from, 5)).toEqual(whole.slice(from));
    expect(await take(0, 60, 6)).not.toEqual(whole);
  });

  test("gives every sample once an epoch, in changing order, and keeps its weights", async () => {
    const drawn = await take(0, 4000, 2);
    const listed = drawn.filter((name) => name.startsWith("a"));
    expect(listed.length / 4000).toBeGreaterThan(0.72);
    expect(listed.length / 4000).toBeLessThan(0.78);
    const epochs = [0, 1, 2].map((epoch) => listed.slice(5 * epoch, 5 * epoch + 5));
    for (const epoch of epochs) expect([...epoch].sort()).toEqual(["a0", "a1", "a2", "a3", "a4"]);
    expect(new Set(epochs.map((epoch) => epoch.join())).size).toBeGreaterThan(1);
  });
});
