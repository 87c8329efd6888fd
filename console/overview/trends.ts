/** Numbers of deliveries by hour, as the API answers them. */
interface Stats {
  from: string;
  bucketSeconds: number;
  series: readonly { key: Record<string, string | null>; counts: readonly number[] }[];
}

const lengthOf = (stats: Stats) => stats.series[0]?.counts.length ?? 0;

/** Adds up the series whose key fulfils a condition, hour by hour. */
const sumOf = (stats: Stats, wanted: (key: Record<string, string | null>) => boolean): number[] =>
  stats.series
    .filter(({ key }) => wanted(key))
    .reduce(
      (sum, { counts }) => sum.map((count, hour) => count + counts[hour]!),
      Array.from({ length: lengthOf(stats) }, () => 0),
    );

const statusIn =
  (...statuses: string[]) =>
  ({ status }: Record<string, string | null>) =>
    statuses.includes(status ?? "");

/** The share of what was sent or delivered in what was sent, delivered or failed, for each hour; null for an hour without any. */
export function deliveryRates(ended: Stats): (number | null)[] {
  const sent = sumOf(ended, statusIn("sent", "delivered"));
  const failed = sumOf(ended, statusIn("failed"));
  return sent.map((count, hour) => {
    const all = count + failed[hour]!;
    return all === 0 ? null : count / all;
  });
}

/** How many messages of campaigns were sent in each hour. */
export const sentByCampaigns = (ended: Stats): number[] =>
  sumOf(ended, (key) => key["source"] === "campaign" && statusIn("sent", "delivered")(key));

/**
 * How many deliveries were open at the end of each hour: those of now, without what was created since and with what has ended since. What an operator
 * has retried counts as open since it was created.
 */
export function openAtEnds(openNow: number, created: Stats, ended: Stats): number[] {
  const length = Math.max(lengthOf(created), lengthOf(ended));
  const [came, went] = [sumOf(created, () => true), sumOf(ended, () => true)];
  const open: number[] = [];
  let at = openNow;
  for (let hour = length - 1; hour >= 0; hour--) {
    open.unshift(Math.max(0, at));
    at += (went[hour] ?? 0) - (came[hour] ?? 0);
  }
  return open;
}

/** The instants at which the hours begin. */
export const hoursOf = ({ from, bucketSeconds }: Stats, length: number): string[] =>
  Array.from({ length }, (_, hour) =>
    new Date(Date.parse(from) + hour * bucketSeconds * 1_000).toISOString(),
  );
