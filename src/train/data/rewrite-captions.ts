/** Asks an OpenAI-compatible model: messages in, text out. The caller brings the endpoint, the picture and the retries. */
export type AskModel = (
  messages: readonly { readonly role: "system" | "user" | "assistant"; readonly content: string }[],
  signal?: AbortSignal,
) => Promise<string>;

/** Who wrote a rewritten caption. */
export type CaptionOrigin =
  | { readonly kind: "model"; readonly name: string; readonly promptVersion: number }
  | { readonly kind: "rule"; readonly reason: string };

/** A caption as found, and as it is trained on. */
export interface RewrittenCaption {
  readonly raw: string;
  readonly question: string;
  readonly answer: string;
  readonly origin: CaptionOrigin;
}

/** Why a caption is left out. */
export interface RefusedCaption {
  readonly raw: string;
  readonly refused: string;
}

export interface RewriteOptions {
  /** Model that rewrites; rules alone where absent. */
  readonly ask?: AskModel;
  /** Named in the provenance. */
  readonly modelName?: string;
  readonly signal?: AbortSignal;
}

/** Changes whenever the prompt does, so that provenance tells captions of different prompts apart. */
const PROMPT_VERSION = 1;

const INSTRUCTION = `You turn the raw caption of a picture into training data.
Write one natural question that somebody who sees the picture could ask, and an answer to it in fluent, grammatical
language that says what the caption says about the picture and nothing more. Leave out file names, hashtags, prices,
web addresses and advertising. Keep the caption's language. Reply with exactly two lines:
Question: ...
Answer: ...
If the caption says nothing about a picture, reply with the single word NONE.`;

/** Two worked examples: small models follow a form that they have seen. */
const EXAMPLES = [
  {
    role: "user",
    content: "Caption: IMG_2231.jpg two dogs run beach sunset #dogs",
  },
  {
    role: "assistant",
    content: "Question: What is happening in this picture?\nAnswer: Two dogs are running on a beach at sunset.",
  },
  { role: "user", content: "Caption: click here for free shipping" },
  { role: "assistant", content: "NONE" },
] as const;

/**
 * Raw caption to question and answer (paper §4.1): a model where there is one, its reply parsed and checked; rules where there is
 * none or its reply does not hold. Raw text and provenance stay with the result.
 */
export async function rewriteCaption(
  raw: string,
  options: RewriteOptions = {},
): Promise<RewrittenCaption | RefusedCaption> {
  const { ask, modelName = "unnamed", signal } = options;
  if (ask === undefined) return rewriteByRule(raw, "no model was given");
  const refused = captionFault(raw);
  if (refused !== undefined) return { raw, refused };
  const messages = [
    { role: "system", content: INSTRUCTION },
    ...EXAMPLES,
    { role: "user", content: `Caption: ${raw}` },
  ] as const;
  const reply = parseReply(await ask(messages, signal));
  if (reply === "none") return { raw, refused: "the model sees nothing in it about a picture" };
  if (reply === undefined) return rewriteByRule(raw, "the model's reply was not in the form asked for");
  const fault = answerFault(reply.answer, raw);
  if (fault !== undefined) return rewriteByRule(raw, fault);
  return { raw, ...reply, origin: { kind: "model", name: modelName, promptVersion: PROMPT_VERSION } };
}

/** The two lines of a reply, "none", or undefined where it has another form. */
export function parseReply(text: string): { readonly question: string; readonly answer: string } | "none" | undefined {
  const plain = text.replace(/\*\*/g, "").trim();
  if (/^none\.?$/i.test(plain)) return "none";
  const found = /^question:\s*(?<question>[^\n]+)\n+\s*answer:\s*(?<answer>[\s\S]+)$/i.exec(plain);
  const question = found?.groups?.question?.trim();
  const answer = found?.groups?.answer?.replace(/\s+/g, " ").trim();
  return question === undefined || answer === undefined || answer === "" ? undefined : { question, answer };
}

const QUESTIONS: Readonly<Record<"latin" | "han", string>> = {
  latin: "Describe this picture in one sentence.",
  han: "请用一句话描述这张图片。",
};

/** Boilerplate stripped, doubled words joined, a sentence made of it; or the reason why not. */
export function rewriteByRule(raw: string, reason: string): RewrittenCaption | RefusedCaption {
  const refused = captionFault(raw);
  if (refused !== undefined) return { raw, refused };
  const cleaned = stripBoilerplate(raw);
  const fault = captionFault(cleaned);
  if (fault !== undefined) return { raw, refused: `${fault} once cleaned` };
  const isHan = HAN.test(cleaned);
  const start = cleaned.charAt(0).toUpperCase() + cleaned.slice(1);
  const answer = /[.!?。!?]$/.test(start) ? start : start + (isHan ? "。" : ".");
  return { raw, question: QUESTIONS[isHan ? "han" : "latin"], answer, origin: { kind: "rule", reason } };
}

const HAN = /\p{Script=Han}/u;
const BOILERPLATE: readonly RegExp[] = [
  /https?:\/\/\S+|www\.\S+/gi,
  /\b\S+\.(jpe?g|png|gif|webp|tiff?|bmp)\b/gi,
  /[#@]\w+/g,
  /\b(stock (photo|image|vector)s?|royalty[- ]free|free shipping|click here|image \d+ of \d+|photo by [^,.|]+)\b/gi,
  /(?:US)?[$€£]\s?\d+(?:[.,]\d+)*/g,
  /[|•»«]+|\s-\s.*$/g,
];

function stripBoilerplate(text: string): string {
  const bare = BOILERPLATE.reduce((left, pattern) => left.replace(pattern, " "), text);
  return bare
    .replace(/\b(\w+)(?:\s+\1\b)+/gi, "$1")
    .replace(/\s+/g, " ")
    .replace(/\s+([,.!?;:])/g, "$1")
    .replace(/^[\s,.;:!?-]+|[\s,;:-]+$/g, "");
}

const LEAST_WORDS = 3;
const MOST_CHARACTERS = 1000;

/** The cleaning filter: why a caption cannot describe a picture, or undefined. */
export function captionFault(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MOST_CHARACTERS) return `it has more than ${MOST_CHARACTERS} characters`;
  const letters = trimmed.match(/\p{L}/gu)?.length ?? 0;
  if (letters < 0.5 * trimmed.replace(/\s/g, "").length) return "less than half of it is letters";
  const words = trimmed.match(/\p{Script=Han}|\p{L}[\p{L}\p{N}']*/gu) ?? [];
  if (words.length < LEAST_WORDS) return `it has fewer than ${LEAST_WORDS} words`;
  const most = mostFrequent(words);
  if (words.length >= 6 && most > words.length / 2) return "one word makes up half of it";
  if (/(.)\1{6}/u.test(trimmed)) return "one character is repeated";
  if (/<[a-z/][^>]*>|\{\{|&[a-z]+;/i.test(trimmed)) return "it holds markup";
  return undefined;
}

function mostFrequent(words: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word.toLowerCase(), (counts.get(word.toLowerCase()) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

/** A rewritten answer must be clean, and may not say much more than the caption gave it to say. */
function answerFault(answer: string, raw: string): string | undefined {
  const fault = captionFault(answer);
  if (fault !== undefined) return `the model's answer will not do: ${fault}`;
  const limit = 3 * raw.length + 120;
  if (answer.length > limit) return `the model's answer has ${answer.length} characters for a caption of ${raw.length}`;
  const known = new Set(raw.match(/\d+/g) ?? []);
  const invented = (answer.match(/\d+/g) ?? []).find((number) => !known.has(number));
  return invented === undefined ? undefined : `the model's answer brings in the number ${invented}`;
}
