import { dayMs, minuteMs } from "../domain/time/durations.ts";
import { createRandom } from "./random.ts";

/** A notification of the generated day. */
export interface Arrival {
  person: number;
  type: "task.deadline" | "habit.reminder" | "report.weekly";
  /** Milliseconds since the start of the day. */
  at: number;
}

export const people = 500;
const asked = 10_000;
const types = ["task.deadline", "habit.reminder", "report.weekly"] as const;
const burstMs = 10 * minuteMs;
const meanBurst = 4;

/** How long before a deadline its notification is sent. */
export const noticeMs = 15 * minuteMs;
/** The default of the type task.deadline. */
const spreadMs = 5 * minuteMs;

/**
 * Generates a day of notifications in the order of time, always the same for the same seed. With `bursty`, notifications of one recipient and
 * type come in bursts of four on average within ten minutes; otherwise each comes at a random time.
 */
export function generateDay(seed: number, bursty: boolean): Arrival[] {
  const random = createRandom(seed);
  const whole = (below: number) => Math.floor(random() * below);
  const arrivals: Arrival[] = [];
  while (arrivals.length < asked) {
    const person = whole(people);
    const type = types[whole(types.length)]!;
    const from = bursty ? whole(dayMs - burstMs) : whole(dayMs);
    const size = bursty ? 1 + poisson(meanBurst - 1, random) : 1;
    for (let n = 0; n < size && arrivals.length < asked; n++)
      arrivals.push({ person, type, at: from + (bursty ? whole(burstMs) : 0) });
  }
  return arrivals.sort((one, other) => one.at - other.at);
}

/**
 * The minimum of messages for a day if a message has at most `size` members, no member waits longer than `windowMs`, and deadlines in one
 * message are not too far apart: each message contains as many members as possible.
 */
export function fewestMessages(
  arrivals: readonly Arrival[],
  { size, windowMs }: { size: number; windowMs: number },
): number {
  const open = new Map<string, { from: number; count: number }>();
  let messages = 0;
  for (const { person, type, at } of arrivals) {
    const key = `${person} ${type}`;
    const longest = type === "task.deadline" ? Math.min(windowMs, spreadMs) : windowMs;
    const message = open.get(key);
    if (message && message.count < size && at - message.from <= longest) message.count++;
    else {
      open.set(key, { from: at, count: 1 });
      messages++;
    }
  }
  return messages;
}

/** A random number with a Poisson distribution, by Knuth's multiplication, which is fast for small means. */
function poisson(mean: number, random: () => number): number {
  const floor = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > floor; product *= random()) count++;
  return count;
}
