import type { Policy } from "./policy/policy.ts";
import { ageingMs, type Priority } from "./priority.ts";
import { limitReasons, type Reason } from "./delivery/reasons.ts";
import { formatCount, formatMilliseconds, formatSeconds } from "./quantities.ts";
import { ageFault, type AgedClocks, sourceWords } from "./time/clock-age.ts";

/** The ratings of health, from the best to the worst. */
export const healthWords = ["good", "fair", "poor"] as const;
export type HealthWord = (typeof healthWords)[number];

export const healthIndicators = [
  "oldestDue",
  "backlog",
  "breakers",
  "stops",
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

/** What the value of each indicator counts. A share is from 0 to 1. */
export const healthUnits = {
  oldestDue: "seconds",
  backlog: "deliveries",
  breakers: "providers",
  stops: "stops",
  limits: "recipients",
  deliveryRate: "share",
  errorRate: "share",
  latency: "milliseconds",
  throughput: "per_minute",
  batchEfficiency: "share",
  memory: "share",
  timeZoneData: "days",
} as const satisfies Record<HealthIndicator, string>;

/** The open deliveries of one priority. Those of campaigns are counted apart: a campaign may take its time. */
interface Depth {
  priority: Priority;
  /** Deliveries that are due. */
  due: number;
  /** Deliveries that are not due yet: they are held, or scheduled for later. */
  later: number;
  /** How long the oldest due delivery has been due; null if none is due. */
  oldestDueSeconds: number | null;
  /** Open deliveries of campaigns, due or not. */
  ofCampaigns: number;
}

/** The measurements that health is rated by. Rates are over the deliveries and attempts that ended in the last `seconds`. */
export interface Measured {
  depths: readonly Depth[];
  /** Open deliveries by the reason for which they wait. */
  waiting: Partial<Record<Reason, number>>;
  /** Recipients with a delivery that waits for a limit. */
  recipientsAtLimit: number;
  breakers: readonly { provider: string; state: "closed" | "open" | "half_open" }[];
  /** The gates that operators have shut: keys such as `channel/email`. */
  stops: readonly { gate: string; until: Date }[];
  seconds: number;
  /** Sent deliveries, and the messages in which they went out: a group is one message. */
  sent: number;
  messages: number;
  failed: number;
  attempts: number;
  failedAttempts: number;
  /** From the request to the hand-over, for notifications that were not held; null if there were none. */
  latencyMs: { p50: number; p95: number; p99: number } | null;
  /** The share of its memory limit that this process uses, from 0 to 1. */
  memory: number;
  /** The time zone data that this process uses. */
  timeZoneData: AgedClocks;
  /** The newest time zone data that workers have used; null if no worker has started yet. */
  timeZoneDataOfWorkers: Pick<AgedClocks, "version" | "source"> | null;
}

/** One figure and its rating. */
interface Indicator {
  word: HealthWord;
  /** Null if there is nothing to measure. */
  value: number | null;
  /** The values at which the rating becomes fair and poor; null if it is not rated by thresholds. */
  thresholds: { fair: number; poor: number } | null;
  /** The value in a sentence. */
  detail: string;
  /** What to do about it; null if it is good. */
  advice: string | null;
}

/** An indicator before its rating decides whether it needs advice. */
type Assessed = Omit<Indicator, "advice">;

export interface Health {
  word: HealthWord;
  /** Why the rating is not good, the worst reason first, each with its remedy. */
  reasons: string[];
  indicators: Record<HealthIndicator, Indicator>;
}

/** The number of due deliveries, without those of campaigns. */
export const backlogOf = ({ depths }: Pick<Measured, "depths">): number =>
  depths.reduce((sum, { due }) => sum + due, 0);

/**
 * How much longer the oldest due delivery has waited than others may overtake its priority; 0 if none has.
 */
const overdueSeconds = ({ depths }: Pick<Measured, "depths">): number =>
  Math.max(
    0,
    ...depths.map(
      ({ priority, oldestDueSeconds }) => (oldestDueSeconds ?? 0) - ageingMs[priority] / 1_000,
    ),
  );

/** The share of sent deliveries among those that were sent or failed; null if there were none. */
export const deliveryRateOf = ({ sent, failed }: Pick<Measured, "sent" | "failed">) =>
  share(sent, sent + failed);

/** The share of attempts that failed; null if there were no attempts. */
export const errorRateOf = ({
  attempts,
  failedAttempts,
}: Pick<Measured, "attempts" | "failedAttempts">) => share(failedAttempts, attempts);

export const perMinuteOf = ({ sent, seconds }: Pick<Measured, "sent" | "seconds">): number =>
  seconds > 0 ? (sent * 60) / seconds : 0;

/** The share of sent deliveries that needed no message of their own; null if none was sent. */
export const batchEfficiencyOf = ({ sent, messages }: Pick<Measured, "sent" | "messages">) =>
  share(sent - messages, sent);

/** Rates the health of the system by the thresholds of the policy. */
export function assess(measured: Measured, { health: thresholds }: Pick<Policy, "health">): Health {
  const reasons: Record<HealthWord, string[]> = { good: [], fair: [], poor: [] };
  const withRemedy = (indicator: Assessed, remedy: string): Indicator => {
    if (indicator.word === "good") return { ...indicator, advice: null };
    reasons[indicator.word].push(`${indicator.detail} ${remedy}`);
    return { ...indicator, advice: remedy };
  };
  const unrated = (value: number | null, detail: string): Indicator => ({
    word: "good",
    value,
    thresholds: null,
    detail,
    advice: null,
  });

  const { waiting, recipientsAtLimit, sent, latencyMs, memory, seconds } = measured;
  const span = `in the last ${formatSeconds(seconds)}`;
  const overdue = overdueSeconds(measured);
  const backlog = backlogOf(measured);
  const deliveryRate = deliveryRateOf(measured);
  const errorRate = errorRateOf(measured);
  const perMinute = perMinuteOf(measured);
  const saved = batchEfficiencyOf(measured);
  const atLimits = limitReasons.reduce((sum, reason) => sum + (waiting[reason] ?? 0), 0);
  const withoutProvider = (waiting.provider_unavailable ?? 0) + (waiting.sender_refused ?? 0);
  const open = measured.breakers.filter(({ state }) => state === "open");
  const halfOpen = measured.breakers.filter(({ state }) => state === "half_open");

  const indicators: Record<HealthIndicator, Indicator> = {
    oldestDue: withRemedy(
      {
        ...rateAbove(overdue, thresholds.oldestDueSeconds),
        detail:
          overdue === 0
            ? "No delivery has been due for longer than others may overtake its priority."
            : `The oldest due delivery has waited ${formatSeconds(overdue)} longer than others may overtake its priority.`,
      },
      "Check that workers run and that Temporal answers, and see which deliveries wait in the queue.",
    ),
    backlog: withRemedy(
      {
        ...rateFrom(backlog, thresholds.backlog),
        detail: `${formatCount(backlog, "delivery is", "deliveries are")} due and not sent.`,
      },
      "Check whether workers run and are busy, and add some. The queue shows which deliveries wait.",
    ),
    breakers: withRemedy(
      {
        // A delivery waits for a provider only if no other provider of its channel is left.
        word: withoutProvider > 0 ? "poor" : open.length + halfOpen.length > 0 ? "fair" : "good",
        value: open.length,
        thresholds: null,
        detail:
          open.length + halfOpen.length + withoutProvider === 0
            ? "Every provider is in use."
            : [
                ...open.map(({ provider }) => `the breaker of ${provider} is open`),
                ...halfOpen.map(({ provider }) => `the breaker of ${provider} is half open`),
                ...(withoutProvider === 0
                  ? []
                  : [
                      `${formatCount(withoutProvider, "delivery waits", "deliveries wait")} for a provider`,
                    ]),
              ]
                .join(", ")
                .replace(/^./, (first) => first.toUpperCase()) + ".",
      },
      "Fix the fault of the provider. It is tried again by itself, or at once after a reset.",
    ),
    stops: withRemedy(
      {
        word: measured.stops.length > 0 ? "fair" : "good",
        value: measured.stops.length,
        thresholds: null,
        detail:
          measured.stops.length === 0
            ? "No operator has stopped messages."
            : measured.stops
                .map(
                  ({ gate, until }) =>
                    `${gate} is stopped until ${until.toISOString().slice(0, 16).replace("T", " ")} UTC`,
                )
                .join(", ")
                .replace(/^./, (first) => first.toUpperCase()) + ".",
      },
      "Messages wait there and use up no attempts. It opens by itself at that time, or at once with DELETE /v1/gates/{kind}/{name}/stop.",
    ),
    limits: unrated(
      recipientsAtLimit,
      atLimits === 0
        ? "No delivery waits for a limit."
        : `${formatCount(atLimits, "delivery", "deliveries")} to ${formatCount(recipientsAtLimit, "recipient", "recipients")} ${atLimits === 1 ? "waits" : "wait"} for a limit.`,
    ),
    deliveryRate: withRemedy(
      {
        ...rateBelow(deliveryRate, thresholds.deliveryRate),
        detail:
          deliveryRate === null
            ? `No delivery was sent or failed ${span}.`
            : `${percent(deliveryRate)} of the deliveries that ended ${span} were sent.`,
      },
      "See which deliveries failed, and why.",
    ),
    errorRate: withRemedy(
      {
        ...rateAbove(errorRate, thresholds.errorRate),
        detail:
          errorRate === null
            ? `There were no attempts ${span}.`
            : `${percent(errorRate)} of the attempts failed ${span}.`,
      },
      "See the providers' answers in the attempts of deliveries that failed or wait for a retry.",
    ),
    latency: withRemedy(
      {
        ...rateAbove(latencyMs?.p95 ?? null, thresholds.latencyMs),
        detail: latencyMs
          ? `95% of the notifications that were not held were sent within ${formatMilliseconds(latencyMs.p95)}.`
          : `No notification was sent without being held ${span}.`,
      },
      "Check whether workers or the database are busy, and whether providers are slow. Add workers, or connections to the provider.",
    ),
    throughput: unrated(
      perMinute,
      `${formatCount(sent, "delivery was", "deliveries were")} sent ${span}.`,
    ),
    batchEfficiency: unrated(
      saved,
      saved === null
        ? `No delivery was sent ${span}.`
        : `${formatCount(sent, "delivery was", "deliveries were")} sent as ${formatCount(measured.messages, "message", "messages")}.`,
    ),
    memory: withRemedy(
      {
        ...rateFrom(memory, thresholds.memory),
        detail: `This API process uses ${percent(memory)} of its memory limit.`,
      },
      "Raise its memory limit, or run more API processes.",
    ),
    timeZoneData: withRemedy(
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

function timeZoneIndicator({ timeZoneData, timeZoneDataOfWorkers: workers }: Measured): Assessed {
  const { version, source, ageDays } = timeZoneData;
  const faults = [
    ageFault(timeZoneData),
    workers && workers.version !== version
      ? `workers have used ${workers.version} ${sourceWords[workers.source]}, so that their decisions may differ from what this process shows`
      : null,
  ].filter((fault) => fault !== null);
  return {
    word: faults.length === 0 ? "good" : "fair",
    value: ageDays,
    thresholds: null,
    detail: `This API process uses time zone data ${[`${version} ${sourceWords[source]}`, ...faults].join("; ")}.`,
  };
}

type Rating = Pick<Indicator, "word" | "value" | "thresholds">;

const rate = (
  value: number | null,
  fair: number,
  poor: number,
  isFair: (value: number) => boolean,
  isPoor: (value: number) => boolean,
): Rating => ({
  word: value === null ? "good" : isPoor(value) ? "poor" : isFair(value) ? "fair" : "good",
  value,
  thresholds: { fair, poor },
});

/** Rates a value that is good up to `good`, and poor above `poor`. */
const rateAbove = (value: number | null, { good, poor }: { good: number; poor: number }) =>
  rate(
    value,
    good,
    poor,
    (of) => of > good,
    (of) => of > poor,
  );

/** Rates a value that is good down to `good`, and poor below `poor`. */
const rateBelow = (value: number | null, { good, poor }: { good: number; poor: number }) =>
  rate(
    value,
    good,
    poor,
    (of) => of < good,
    (of) => of < poor,
  );

/** Rates a value that is good below `warning`, and poor from `critical` on. */
const rateFrom = (value: number, { warning, critical }: { warning: number; critical: number }) =>
  rate(
    value,
    warning,
    critical,
    (of) => of >= warning,
    (of) => of >= critical,
  );

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

const percent = (value: number) => `${Math.floor(value * 10_000) / 100}%`;
