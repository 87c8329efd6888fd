import { formatCount, formatShare } from "../words/numbers.ts";
import type { Rate, RateName } from "./queries.ts";

/** The names of the rates, in the order in which they are shown. */
export const rateWords: Record<RateName, string> = {
  deliveryRate: "Delivery rate",
  openRate: "Open rate",
  clickRate: "Click rate",
  clickToOpenRate: "Click-to-open rate",
  unsubscribeRate: "Unsubscribe rate",
  bounceRate: "Bounce rate",
  complaintRate: "Complaint rate",
};
export const rateNames = Object.keys(rateWords) as RateName[];

/** A share, or a dash where nothing can be said. */
export const formatRate = ({ value }: Rate) => (value === null ? "–" : formatShare(value));

/** The interval within which the rate of more deliveries would probably be. */
export const formatInterval = ({ low, high }: Rate) =>
  low === null || high === null ? "" : `${formatShare(low)} to ${formatShare(high)}`;

/** A rate with its numerator and its denominator. */
export const formatFraction = ({ numerator, denominator }: Rate) =>
  `${formatCount(numerator)} of ${formatCount(denominator)}`;

/** By how many percentage points a rate is above the rate of the period before. */
export function formatChange(rate: Rate, before: Rate): string | null {
  if (rate.value === null || before.value === null) return null;
  const points = (rate.value - before.value) * 100;
  const size = Math.abs(points);
  if (size < 0.05) return "as before";
  return `${size.toFixed(1)} points ${points > 0 ? "more" : "less"} than before`;
}

export const weekdays = [
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
  "Sunday",
] as const;
