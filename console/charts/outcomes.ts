import type { CountedStatus } from "../../domain/delivery/status.ts";

// Which deliveries ended when, and how: counted by the API in buckets, and drawn as bars of one or more buckets.

/** Numbers of deliveries by status, as the API answers them. */
interface Stats {
  from: string;
  until: string;
  bucketSeconds: number;
  series: readonly {
    key: Record<string, string | null>;
    counts: readonly number[];
    total: number;
  }[];
}

/** A time in epoch milliseconds. */
interface Time {
  from: number;
  until: number;
}

/** The length of a bar. */
interface Step {
  bucket: "minute" | "hour" | "day";
  /** How many buckets a bar has. */
  buckets: number;
  words: string;
}

const minuteMs = 60_000;
const bucketMs = { minute: minuteMs, hour: 60 * minuteMs, day: 24 * 60 * minuteMs } as const;

const steps: readonly [Step, ...Step[]] = [
  { bucket: "minute", buckets: 1, words: "a minute" },
  { bucket: "minute", buckets: 5, words: "5 minutes" },
  { bucket: "minute", buckets: 15, words: "15 minutes" },
  { bucket: "hour", buckets: 1, words: "an hour" },
  { bucket: "hour", buckets: 6, words: "6 hours" },
  { bucket: "day", buckets: 1, words: "a day" },
  { bucket: "day", buckets: 7, words: "7 days" },
];
const longestStep = steps.at(-1)!;

const mostBars = 96;
/** An answer has at most 720 buckets; rounding to whole bars may add some at both ends. */
const mostBuckets = 700;
/** The API counts minutes within the last two days. The hour of difference allows for clocks that differ. */
const minutesReachMs = 47 * bucketMs.hour;

export const stepMs = ({ bucket, buckets }: Step) => buckets * bucketMs[bucket];

/** Chooses the shortest bars of which the whole time has few enough, and that can be counted. */
function chooseStep({ from, until }: Time, now: number): Step {
  const fits = (step: Step) =>
    (until - from) / stepMs(step) <= mostBars &&
    (until - from) / bucketMs[step.bucket] <= mostBuckets &&
    (step.bucket !== "minute" || from >= now - minutesReachMs);
  return steps.find(fits) ?? longestStep;
}

/** From when to when: the last hours, or from one instant to another, which is now if it is null. */
export type OutcomeSpan = { lastMs: number } | { from: string; until: string | null };

/** Resolves a time, and chooses its bars. A bar begins at a round time. Of a time that is too long, the beginning is left out. */
export function planBars(span: OutcomeSpan, now: number): Time & { step: Step } {
  const time =
    "lastMs" in span
      ? { from: now - span.lastMs, until: now }
      : { from: Date.parse(span.from), until: span.until === null ? now : Date.parse(span.until) };
  const step = chooseStep(time, now);
  const from = Math.max(
    Math.min(time.from, time.until),
    time.until - mostBuckets * bucketMs[step.bucket],
  );
  return { from: Math.floor(from / stepMs(step)) * stepMs(step), until: time.until, step };
}

interface StatusBars {
  status: CountedStatus;
  counts: number[];
  total: number;
}

/** How many deliveries ended with each status, in bars of the same length. */
export interface Outcomes {
  step: Step;
  /** When each bar begins. */
  begins: string[];
  series: StatusBars[];
}

/** Adds up the buckets of each bar. The last bar may have fewer buckets than the others. */
export function joinBuckets({ from, until, bucketSeconds, series }: Stats, step: Step): Outcomes {
  const begin = Date.parse(from);
  const length = Math.ceil((Date.parse(until) - begin) / (bucketSeconds * 1_000) / step.buckets);
  const bars = Array.from({ length }, (_, bar) => bar);
  return {
    step,
    begins: bars.map((bar) => new Date(begin + bar * stepMs(step)).toISOString()),
    series: series.map(({ key, counts, total }) => ({
      status: key["status"] as CountedStatus,
      counts: bars.map((bar) =>
        counts
          .slice(bar * step.buckets, (bar + 1) * step.buckets)
          .reduce((sum, count) => sum + count, 0),
      ),
      total,
    })),
  };
}
