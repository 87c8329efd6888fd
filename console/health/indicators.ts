import type { LinkProps } from "@tanstack/react-router";
import { formatDuration } from "../words/instants.ts";
import { formatCount, formatShare } from "../words/numbers.ts";
import type { Health, Indicator, IndicatorName } from "./queries.ts";

/** What each indicator is called, and where what is behind it can be seen. */
export const indicatorWords: Record<
  IndicatorName,
  { name: string; link?: LinkProps; to?: string }
> = {
  oldestDue: { name: "Oldest due delivery", link: { to: "/queue" }, to: "The queue" },
  backlog: { name: "Backlog", link: { to: "/queue" }, to: "The queue" },
  breakers: { name: "Providers left out", link: { to: "/providers" }, to: "The providers" },
  stops: { name: "Stopped by operators", link: { to: "/providers" }, to: "The channels" },
  limits: {
    name: "Recipients at a limit",
    link: {
      to: "/deliveries",
      search: {
        status: ["pending"],
        reason: ["recipient_limit", "organisation_limit", "type_limit"],
      },
    },
    to: "Their deliveries",
  },
  deliveryRate: {
    name: "Delivery rate",
    link: { to: "/deliveries", search: { status: ["failed"] } },
    to: "Those that failed",
  },
  errorRate: {
    name: "Error rate of attempts",
    link: { to: "/deliveries", search: { status: ["pending"], reason: ["retry"] } },
    to: "Those that wait for another attempt",
  },
  latency: { name: "Latency, 95th percentile", link: { to: "/queue" }, to: "The queue" },
  throughput: {
    name: "Throughput",
    link: { to: "/deliveries", search: { status: ["sent", "delivered"] } },
    to: "What was sent",
  },
  batchEfficiency: { name: "Merged into other messages" },
  memory: { name: "Memory of this API process" },
  timeZoneData: { name: "Age of the time zone data" },
};

/** Formats milliseconds, as the sentences of the API do: `340 ms`, `5.5 s`, `34 s`. */
export function formatMilliseconds(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  return seconds < 10 ? `${Number(seconds.toFixed(1))} s` : formatDuration(seconds);
}

/** Formats a value with its unit; a dash if there is nothing to measure. */
export function formatValue(value: number | null, unit: Indicator["unit"]): string {
  if (value === null) return "–";
  switch (unit) {
    case "share":
      return formatShare(value);
    case "seconds":
      return value === 0 ? "0 s" : formatDuration(value);
    case "milliseconds":
      return formatMilliseconds(value);
    case "per_minute":
      return `${formatCount(Math.round(value))} per min`;
    case "days":
      return value === 1 ? "1 day" : `${formatCount(value)} days`;
    case "deliveries":
    case "providers":
    case "stops":
    case "recipients":
      return formatCount(value);
  }
}

/**
 * Says from which value on an indicator is fair and poor: one that should be small is so above its thresholds, one that should be large
 * below them. Null if it has no thresholds.
 */
export function describeThresholds({ thresholds, unit }: Indicator): string | null {
  if (thresholds === null) return null;
  const { fair, poor } = thresholds;
  const side = fair <= poor ? "from" : "below";
  return `Fair ${side} ${formatValue(fair, unit)}, poor ${side} ${formatValue(poor, unit)}`;
}

/** The thresholds and the value as places on a scale from 0 to 1, for a drawing. Null if there is no value or no threshold. */
export function scaleOf({ thresholds, value, unit }: Indicator) {
  if (thresholds === null || value === null) return null;
  const { fair, poor } = thresholds;
  // Shares of what should be large are all close to 1, so the scale begins where they differ.
  const isLow = fair > poor;
  const from = isLow ? Math.min(value, 2 * poor - 1, poor) : 0;
  const to =
    unit === "share"
      ? isLow
        ? 1
        : Math.min(1, Math.max(value, 1.5 * poor))
      : Math.max(value, 1.25 * poor);
  const place = (of: number) => Math.min(1, Math.max(0, (of - from) / (to - from || 1)));
  return { value: place(value), fair: place(fair), poor: place(poor) };
}

const weights = { poor: 0, fair: 1, good: 2 } as const;

/** The indicators, the worst first. Those that are rated alike keep their order. */
export const worstFirst = (indicators: Health["indicators"]): IndicatorName[] =>
  (Object.keys(indicators) as IndicatorName[]).toSorted(
    (one, other) => weights[indicators[one].word] - weights[indicators[other].word],
  );
