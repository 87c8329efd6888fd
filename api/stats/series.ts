import type { FigureRow } from "./figures.ts";

/** How many series an answer shows. */
export const maxSeries = 50;

interface Counts {
  total: number;
  counts: number[];
}

export interface Series extends Counts {
  key: (string | null)[];
}

/** Arranges rows as series, the largest first. What does not fit is added up in `rest`, so that the sums stay the same. */
export function seriesOf(
  rows: readonly FigureRow[],
  length: number,
): { total: number; shown: Series[]; rest: Counts } {
  const empty = (): Counts => ({ total: 0, counts: Array.from({ length }, () => 0) });
  const add = (to: Counts, bucket: number, count: number) => {
    to.counts[bucket]! += count;
    to.total += count;
  };
  const found = new Map<string, Series>();
  for (const { bucket, key, count } of rows) {
    const name = JSON.stringify(key);
    const series = found.get(name) ?? { key, ...empty() };
    found.set(name, series);
    add(series, bucket, count);
  }
  const sorted = [...found.values()].toSorted((a, b) => b.total - a.total);
  const rest = empty();
  for (const { counts } of sorted.slice(maxSeries))
    for (const [bucket, count] of counts.entries()) add(rest, bucket, count);
  return {
    total: sorted.reduce((sum, { total }) => sum + total, 0),
    shown: sorted.slice(0, maxSeries),
    rest,
  };
}
