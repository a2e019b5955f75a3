import type { AskModel } from "../train/data/rewrite-captions.ts";

/** Words of an answer that are looked at, as RLAIF-V's published code clips it. */
const MOST_WORDS = 300;

/** Sentences that state no fact about the picture. */
const OPINION =
  /\b(I think|I believe|it seems|appears to|perhaps|maybe|probably|overall|in (conclusion|summary)|beautiful|lovely|charming|inviting)\b|\?$/i;

/** Splits an answer into claims without a model: sentences, then the parts of lists, opinions left out. */
export function splitByRule(answer: string): readonly string[] {
  return clip(answer)
    .split(/(?<=[.!?。!?])\s+|\n+/)
    .map((sentence) => sentence.replace(/^\s*(?:[-*•]|\d+[.)])\s*/, "").trim())
    .filter((sentence) => /\p{L}|\p{N}/u.test(sentence) && !OPINION.test(sentence))
    .flatMap(splitConjunction);
}

/** "A is red, and B is blue": two claims where both halves have a verb of their own. */
function splitConjunction(sentence: string): readonly string[] {
  const halves = sentence.split(/,?\s+and\s+(?=(?:the|a|an|there|it|its|he|she|they|another|one)\b)|;\s+/i);
  const hasVerb = (part: string): boolean =>
    /\b(is|are|was|were|has|have|shows?|says?|reads?|stands?|sits?|lies|contains?|wears?|holds?)\b/i.test(part);
  if (halves.length < 2 || !halves.every(hasVerb)) return [sentence];
  return halves.map((half) => {
    const bare = half.trim().replace(/[.;,]$/, "");
    return `${bare.charAt(0).toUpperCase()}${bare.slice(1)}.`;
  });
}

function clip(text: string): string {
  let words = 0;
  for (const found of text.matchAll(/\S+/g)) {
    words++;
    if (words === MOST_WORDS) return text.slice(0, found.index + found[0].length);
  }
  return text;
}

const SPLIT_INSTRUCTION = `You list the facts that an answer states about a picture.
Write each fact as one short sentence that can be understood by itself: name things instead of saying "it" or "they".
Leave out opinions, guesses and anything about how the answer is written. Write each fact on a line of its own that
starts with "- ", and nothing else. If there is no fact, write NONE.`;

/** Splits an answer into claims with a model, by RLAIF-V's divide step (arXiv 2405.17220 §2.2); rules where its reply fails. */
export async function splitByModel(
  ask: AskModel,
  { question, answer }: { readonly question: string; readonly answer: string },
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const content = `Question: ${question}\nAnswer: ${clip(answer)}`;
  const reply = await ask(
    [
      { role: "system", content: SPLIT_INSTRUCTION },
      { role: "user", content },
    ],
    signal,
  );
  return parseList(reply) ?? splitByRule(answer);
}

/** Lines that start with a dash; empty for NONE; undefined where the reply has neither. */
export function parseList(reply: string): readonly string[] | undefined {
  if (/^\s*none\.?\s*$/i.test(reply)) return [];
  const lines = reply.split("\n").flatMap((line) => /^\s*[-*•]\s+(.+?)\s*$/.exec(line)?.[1] ?? []);
  return lines.length === 0 ? undefined : lines;
}

const QUESTION_INSTRUCTION = `You turn statements into yes-or-no questions. Keep the meaning, the tense and every "not".
Answer with one question for each statement, in the same order, each on a line that starts with "- ", and nothing else.`;

/** A yes-or-no question for each claim, by a model; the rule's question for every claim where the counts differ. */
export async function questionsByModel(
  ask: AskModel,
  claims: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  if (claims.length === 0) return [];
  const content = claims.map((claim) => `- ${claim}`).join("\n");
  const reply = await ask(
    [
      { role: "system", content: QUESTION_INSTRUCTION },
      { role: "user", content },
    ],
    signal,
  );
  const questions = parseList(reply);
  return questions?.length === claims.length ? questions : claims.map(questionByRule);
}

/** A question that needs no grammar of the claim's language. */
export function questionByRule(claim: string): string {
  return `Is this true of the picture: "${claim.replace(/\s+$/, "")}"?`;
}
