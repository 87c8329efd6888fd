const fourFifths = (room: number): number => Math.ceil((room * 4) / 5);

/**
 * How much of a bound one API key may have: four fifths of what the others leave. Of what another has, only its own such share counts,
 * so that one that has more, since what it scheduled is due at once, takes nothing from the others. The sum is never past the bound
 * unless somebody has more than their share.
 * @param others what each of the other keys has
 */
export function shareOf(bound: number, others: Iterable<number>): number {
  let left = bound;
  for (const count of [...others].toSorted((a, b) => b - a))
    left -= Math.min(count, fourFifths(left));
  return fourFifths(left);
}
