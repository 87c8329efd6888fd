const fourFifths = (room: number): number => Math.ceil((room * 4) / 5);

/**
 * The share of a bound that one API key may use: four fifths of the room that the other keys leave. A key can exceed its share when its
 * scheduled deliveries become due at once; the excess is not counted, so that it takes no room from others. The sum exceeds the
 * bound only if a key exceeds its share.
 * @param others the current use of each of the other keys
 */
export function shareOf(bound: number, others: Iterable<number>): number {
  let left = bound;
  for (const count of [...others].toSorted((a, b) => b - a))
    left -= Math.min(count, fourFifths(left));
  return fourFifths(left);
}
