import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 100;
const patienceMs = 30 * 60_000;

/** Repeats a question until the answer is neither undefined nor false. Rejects after half an hour. */
export async function until<Answer>(
  what: string,
  ask: () => Promise<Answer | undefined | false>,
): Promise<Answer> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await sleep(pollMs);
  }
}
