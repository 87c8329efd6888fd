/*
 * What the figures of reports mean. Every rate is a share of deliveries that were handed over in the time of the report, however much later the rest happened.
 */

/** Numbers of deliveries, by what became of them. */
export interface AnalyticsCounts {
  /** How the deliveries ended that ended in the time. */
  sent: number;
  delivered: number;
  failed: number;
  suppressed: number;
  cancelled: number;
  unknown: number;
  /** Deliveries of which this is known; each counts once. */
  confirmed: number;
  read: number;
  acted: number;
  opened: number;
  openedByMachine: number;
  clicked: number;
  clickedByMachine: number;
  unsubscribed: number;
  bounced: number;
  complained: number;
  /** Every time that a person opened a message or followed a link. */
  opens: number;
  clicks: number;
}

export const countNames = [
  "sent",
  "delivered",
  "failed",
  "suppressed",
  "cancelled",
  "unknown",
  "confirmed",
  "read",
  "acted",
  "opened",
  "openedByMachine",
  "clicked",
  "clickedByMachine",
  "unsubscribed",
  "bounced",
  "complained",
  "opens",
  "clicks",
] as const satisfies (keyof AnalyticsCounts)[];

export const noCounts = (): AnalyticsCounts =>
  Object.fromEntries(countNames.map((name) => [name, 0])) as unknown as AnalyticsCounts;

/** Adds `more` to `counts`. */
export function addCounts(counts: AnalyticsCounts, more: AnalyticsCounts): void {
  for (const name of countNames) counts[name] += more[name];
}

/** All deliveries that ended in the time, however they ended. */
export const acceptedOf = (counts: AnalyticsCounts): number =>
  counts.sent +
  counts.delivered +
  counts.failed +
  counts.suppressed +
  counts.cancelled +
  counts.unknown;

/** The deliveries that a provider accepted. One that bounced later is no longer `sent`. */
export const handedOverOf = (counts: AnalyticsCounts): number =>
  counts.sent + counts.delivered + counts.bounced;

/** The deliveries that a provider accepted and that did not bounce. */
export const arrivedOf = (counts: AnalyticsCounts): number => counts.sent + counts.delivered;

const handedOver = {
  words: "deliveries that a provider accepted in the time",
  of: handedOverOf,
};
const arrived = {
  words: "deliveries that a provider accepted in the time and that have not bounced",
  of: arrivedOf,
};

/** Each rate, with its numerator and its denominator in words. */
export const rates = {
  deliveryRate: {
    numerator: { words: "those of them that have not bounced", of: arrivedOf },
    denominator: handedOver,
  },
  openRate: {
    numerator: {
      words: "those of them that a person opened; messages without tracking count as not opened",
      of: (counts) => counts.opened,
    },
    denominator: arrived,
  },
  clickRate: {
    numerator: {
      words: "those of them in which a person followed a link",
      of: (counts) => counts.clicked,
    },
    denominator: arrived,
  },
  clickToOpenRate: {
    numerator: {
      words: "those of them in which a person followed a link",
      of: (counts) => counts.clicked,
    },
    denominator: {
      words: "deliveries of the time that a person opened",
      of: (counts) => counts.opened,
    },
  },
  unsubscribeRate: {
    numerator: {
      words: "those of them from which the recipient unsubscribed",
      of: (counts) => counts.unsubscribed,
    },
    denominator: arrived,
  },
  bounceRate: {
    numerator: { words: "those of them that bounced later", of: (counts) => counts.bounced },
    denominator: handedOver,
  },
  complaintRate: {
    numerator: {
      words: "those of them that the recipient reported as spam",
      of: (counts) => counts.complained,
    },
    denominator: arrived,
  },
} as const satisfies Record<
  string,
  Record<"numerator" | "denominator", { words: string; of: (counts: AnalyticsCounts) => number }>
>;

export type RateName = keyof typeof rates;
export const rateNames = Object.keys(rates) as [RateName, ...RateName[]];

/** A share with its 95 % interval. All three are null without any delivery in the denominator. */
export interface Rate {
  value: number | null;
  low: number | null;
  high: number | null;
  numerator: number;
  denominator: number;
}

/** The 97.5 % quantile of the normal distribution. */
const z = 1.96;

/**
 * The share `numerator` of `denominator` with its 95 % interval by Wilson, which holds for small numbers too. The interval says how far the share
 * of few deliveries may be from that of many.
 */
export function rateOf(numerator: number, denominator: number): Rate {
  if (denominator <= 0) return { value: null, low: null, high: null, numerator, denominator };
  const share = Math.min(numerator / denominator, 1);
  const spread = z * z;
  const middle = (share + spread / (2 * denominator)) / (1 + spread / denominator);
  const half =
    (z / (1 + spread / denominator)) *
    Math.sqrt((share * (1 - share)) / denominator + spread / (4 * denominator * denominator));
  return {
    value: share,
    low: Math.min(Math.max(middle - half, 0), share),
    high: Math.max(Math.min(middle + half, 1), share),
    numerator,
    denominator,
  };
}

export const ratesOf = (counts: AnalyticsCounts): Record<RateName, Rate> =>
  Object.fromEntries(
    rateNames.map((name) => [
      name,
      rateOf(rates[name].numerator.of(counts), rates[name].denominator.of(counts)),
    ]),
  ) as Record<RateName, Rate>;
