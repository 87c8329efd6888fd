import type { Policy } from "./policy/policy.ts";
import { ageingMs, type Priority } from "./priority.ts";
import { limitReasons, type Reason } from "./delivery/reasons.ts";
import { ageFault, type AgedClocks, sourceWords } from "./time/clock-age.ts";

/** From the best to the worst. */
export const healthWords = ["good", "fair", "poor"] as const;
export type HealthWord = (typeof healthWords)[number];

export const healthIndicators = [
  "oldestDue",
  "backlog",
  "breakers",
  "limits",
  "deliveryRate",
  "errorRate",
  "latency",
  "throughput",
  "batchEfficiency",
  "memory",
  "timeZoneData",
] as const;
export type HealthIndicator = (typeof healthIndicators)[number];

/** What waits outside of campaigns, which take their time, of one priority. */
interface Depth {
  priority: Priority;
  /** Their time has come. */
  due: number;
  /** Their time has not come yet: held, or asked for later. */
  later: number;
  /** How long the first of those that are due has been so; null: none is. */
  oldestDueSeconds: number | null;
  /** Of campaigns, due or not. */
  ofCampaigns: number;
}

/** How things stand, as it was measured. Rates are over what ended in the last `seconds`. */
export interface Measured {
  depths: readonly Depth[];
  /** Open deliveries by why they wait. */
  waiting: Partial<Record<Reason, number>>;
  /** Recipients for whom something waits for a limit. */
  recipientsAtLimit: number;
  breakers: readonly { provider: string; state: "closed" | "open" | "half_open" }[];
  seconds: number;
  /** Deliveries that were sent, and messages that they were. */
  sent: number;
  messages: number;
  failed: number;
  attempts: number;
  failedAttempts: number;
  /** From when it was asked for, of notifications that nothing held; null: there were none. */
  latencyMs: { p50: number; p95: number; p99: number } | null;
  /** Of a process: what it uses of what it may use, from 0 to 1. */
  memory: number;
  /** What a process goes by. */
  timeZoneData: AgedClocks;
  /** The newest that workers have gone by; null: none has started yet. */
  timeZoneDataOfWorkers: Pick<AgedClocks, "version" | "source"> | null;
}

/** One figure, and what it is worth. */
interface Indicator {
  word: HealthWord;
  /** Null: there is nothing to judge by. */
  value: number | null;
  /** From when on it is fair, and from when on it is poor; null: it is worth what it is. */
  thresholds: { fair: number; poor: number } | null;
  /** What the value means. */
  detail: string;
}

export interface Health {
  word: HealthWord;
  /** Why it is not good, the worst first, each with what to do. */
  reasons: string[];
  indicators: Record<HealthIndicator, Indicator>;
}

/** What is due, and not sent, outside of campaigns. */
export const backlogOf = ({ depths }: Pick<Measured, "depths">): number =>
  depths.reduce((sum, { due }) => sum + due, 0);

/**
 * How long the oldest of what is due has been so beyond the time by which its priority lets others pass; 0: nothing is.
 */
const overdueSeconds = ({ depths }: Pick<Measured, "depths">): number =>
  Math.max(
    0,
    ...depths.map(
      ({ priority, oldestDueSeconds }) => (oldestDueSeconds ?? 0) - ageingMs[priority] / 1_000,
    ),
  );

/** Of deliveries that ended as they were to or failed, those that were sent; null: there were none. */
export const deliveryRateOf = ({ sent, failed }: Pick<Measured, "sent" | "failed">) =>
  share(sent, sent + failed);

/** Of attempts, those that failed; null: there were none. */
export const errorRateOf = ({
  attempts,
  failedAttempts,
}: Pick<Measured, "attempts" | "failedAttempts">) => share(failedAttempts, attempts);

export const perMinuteOf = ({ sent, seconds }: Pick<Measured, "sent" | "seconds">): number =>
  seconds > 0 ? (sent * 60) / seconds : 0;

/** Of deliveries that were sent, those that cost no message of their own; null: there were none. */
export const batchEfficiencyOf = ({ sent, messages }: Pick<Measured, "sent" | "messages">) =>
  share(sent - messages, sent);

/** What all of it comes to, by the thresholds of the policy in force. */
export function assess(measured: Measured, { health: thresholds }: Pick<Policy, "health">): Health {
  const reasons: Record<HealthWord, string[]> = { good: [], fair: [], poor: [] };
  const judged = (indicator: Indicator, why: string): Indicator => {
    if (indicator.word !== "good") reasons[indicator.word].push(`${indicator.detail} ${why}`);
    return indicator;
  };
  const told = (value: number | null, detail: string): Indicator => ({
    word: "good",
    value,
    thresholds: null,
    detail,
  });

  const { waiting, recipientsAtLimit, sent, latencyMs, memory, seconds } = measured;
  const span = `in the last ${minutes(seconds)}`;
  const overdue = overdueSeconds(measured);
  const backlog = backlogOf(measured);
  const deliveryRate = deliveryRateOf(measured);
  const errorRate = errorRateOf(measured);
  const perMinute = perMinuteOf(measured);
  const saved = batchEfficiencyOf(measured);
  const atLimits = limitReasons.reduce((sum, reason) => sum + (waiting[reason] ?? 0), 0);
  const out = (waiting.provider_unavailable ?? 0) + (waiting.sender_refused ?? 0);
  const open = measured.breakers.filter(({ state }) => state === "open");
  const tried = measured.breakers.filter(({ state }) => state === "half_open");

  const indicators: Record<HealthIndicator, Indicator> = {
    oldestDue: judged(
      {
        ...above(overdue, thresholds.oldestDueSeconds),
        detail:
          overdue === 0
            ? "Nothing is due for longer than its priority lets others pass."
            : `The oldest delivery that is due waits ${minutes(overdue)} longer than its priority lets others pass.`,
      },
      "Look whether workers run and Temporal answers, and what waits: GET /v1/queues.",
    ),
    backlog: judged(
      {
        ...from(backlog, thresholds.backlog),
        detail: `${count(backlog, "delivery is", "deliveries are")} due and not sent.`,
      },
      "Look whether workers run and are busy, and add some: GET /v1/queues tells what waits.",
    ),
    breakers: judged(
      {
        // What waits for want of a provider has none left.
        word: out > 0 ? "poor" : open.length + tried.length > 0 ? "fair" : "good",
        value: open.length,
        thresholds: null,
        detail:
          open.length + tried.length + out === 0
            ? "Every provider is used."
            : [
                ...open.map(({ provider }) => `${provider} is left alone`),
                ...tried.map(({ provider }) => `${provider} is being tried`),
                ...(out === 0
                  ? []
                  : [`${count(out, "delivery waits", "deliveries wait")} for a provider`]),
              ].join(", ") + ".",
      },
      "Mend what is at fault there: it is tried by itself, or at once with POST /v1/providers/{name}/reset.",
    ),
    limits: told(
      recipientsAtLimit,
      atLimits === 0
        ? "Nothing waits for a limit."
        : `${count(atLimits, "delivery", "deliveries")} to ${count(recipientsAtLimit, "recipient", "recipients")} ${atLimits === 1 ? "waits" : "wait"} for a limit.`,
    ),
    deliveryRate: judged(
      {
        ...below(deliveryRate, thresholds.deliveryRate),
        detail:
          deliveryRate === null
            ? `Nothing was sent, and nothing failed, ${span}.`
            : `${percent(deliveryRate)} of what ended ${span} was sent.`,
      },
      "See what failed, and why: GET /v1/deliveries?status=failed.",
    ),
    errorRate: judged(
      {
        ...above(errorRate, thresholds.errorRate),
        detail:
          errorRate === null
            ? `Nothing was attempted ${span}.`
            : `${percent(errorRate)} of attempts failed ${span}.`,
      },
      "See what providers answered, in the attempts of what failed or is to be tried again: GET /v1/deliveries?reason=retry.",
    ),
    latency: judged(
      {
        ...above(latencyMs?.p95 ?? null, thresholds.latencyMs),
        detail: latencyMs
          ? `95 in 100 notifications that nothing held were sent within ${Math.round(latencyMs.p95)} ms.`
          : `No notification was sent at once ${span}.`,
      },
      "Look whether workers or the database are busy, and providers slow: more workers, or more connections to the provider.",
    ),
    throughput: told(perMinute, `${count(sent, "delivery was", "deliveries were")} sent ${span}.`),
    batchEfficiency: told(
      saved,
      saved === null
        ? `Nothing was sent ${span}.`
        : `${count(sent, "delivery was", "deliveries were")} sent as ${count(measured.messages, "message", "messages")}.`,
    ),
    memory: judged(
      {
        ...from(memory, thresholds.memory),
        detail: `This API process uses ${percent(memory)} of the memory that it may use.`,
      },
      "Let it have more, or run more of them.",
    ),
    timeZoneData: judged(
      timeZoneIndicator(measured),
      "Renew it, as the runbook says under Renew time zone data; no restart is needed.",
    ),
  };
  return {
    word: reasons.poor.length > 0 ? "poor" : reasons.fair.length > 0 ? "fair" : "good",
    reasons: [...reasons.poor, ...reasons.fair],
    indicators,
  };
}

function timeZoneIndicator({ timeZoneData, timeZoneDataOfWorkers: workers }: Measured): Indicator {
  const { version, source, ageDays } = timeZoneData;
  const faults = [
    ageFault(timeZoneData),
    workers && workers.version !== version
      ? `workers have gone by ${workers.version} ${sourceWords[workers.source]}, so that they may decide otherwise than this process shows`
      : null,
  ].filter((fault) => fault !== null);
  return {
    word: faults.length === 0 ? "good" : "fair",
    value: ageDays,
    thresholds: null,
    detail: `This API process goes by time zone data ${[`${version} ${sourceWords[source]}`, ...faults].join("; ")}.`,
  };
}

type Judged = Pick<Indicator, "word" | "value" | "thresholds">;

const judgedBy = (
  value: number | null,
  fair: number,
  poor: number,
  isFair: (value: number) => boolean,
  isPoor: (value: number) => boolean,
): Judged => ({
  word: value === null ? "good" : isPoor(value) ? "poor" : isFair(value) ? "fair" : "good",
  value,
  thresholds: { fair, poor },
});

/** Good up to the one, and poor above the other. */
const above = (value: number | null, { good, poor }: { good: number; poor: number }) =>
  judgedBy(
    value,
    good,
    poor,
    (of) => of > good,
    (of) => of > poor,
  );

/** Good down to the one, and poor below the other. */
const below = (value: number | null, { good, poor }: { good: number; poor: number }) =>
  judgedBy(
    value,
    good,
    poor,
    (of) => of < good,
    (of) => of < poor,
  );

/** Good below the one, and poor from the other on. */
const from = (value: number, { warning, critical }: { warning: number; critical: number }) =>
  judgedBy(
    value,
    warning,
    critical,
    (of) => of >= warning,
    (of) => of >= critical,
  );

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

const percent = (value: number) => `${Math.floor(value * 10_000) / 100} %`;

const count = (of: number, one: string, several: string) => `${of} ${of === 1 ? one : several}`;

const minutes = (seconds: number) =>
  seconds < 120
    ? count(Math.round(seconds), "second", "seconds")
    : count(Math.round(seconds / 60), "minute", "minutes");
