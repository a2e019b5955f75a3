/** Probabilities of a labeller's first answer token, by the token's text. */
export type FirstToken = (question: string, signal?: AbortSignal) => Promise<ReadonlyMap<string, number>>;

/** What the labeller makes of one claim. */
export interface Verdict {
  readonly claim: string;
  /** P("yes") + P("Yes"). */
  readonly yes: number;
  readonly no: number;
  /** Yes stands above no; a tie rejects. */
  readonly isAccepted: boolean;
}

/** Puts each claim's question to the labeller and reads yes against no off its first token (RLAIF-V, conquer step). */
export async function judgeClaims(
  claims: readonly string[],
  questions: readonly string[],
  { firstToken, signal }: { readonly firstToken: FirstToken; readonly signal?: AbortSignal },
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const [i, claim] of claims.entries()) {
    const probabilities = await firstToken(`${questions[i]} Please answer yes or no.`, signal);
    const yes = mass(probabilities, "yes");
    const no = mass(probabilities, "no");
    verdicts.push({ claim, yes, no, isAccepted: yes > no });
  }
  return verdicts;
}

/** Probability of a word in either case; tokens that carry a leading space count as well. */
function mass(probabilities: ReadonlyMap<string, number>, word: string): number {
  let sum = 0;
  for (const [token, probability] of probabilities) {
    const bare = token.replace(/^[\s▁Ġ]/, "");
    if (bare === word || bare === word.charAt(0).toUpperCase() + word.slice(1)) sum += probability;
  }
  return sum;
}

/** Minus the number of rejected claims, not divided by their count: an answer is as good as it is free of inventions. */
export function answerScore(verdicts: readonly Verdict[]): number {
  // subtracted, because minus zero is not zero to every comparison
  return 0 - verdicts.filter(({ isAccepted }) => !isAccepted).length;
}
