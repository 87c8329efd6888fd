/** Returns the largest number of these instants, in milliseconds, that lie within any one second. */
export function countMostIn(instants: readonly number[]): number {
  const sorted = instants.toSorted((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [last, at] of sorted.entries()) {
    while (sorted[first]! < at - 1_000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
