/** What a list shows: rows do not move by themselves, so that nobody clicks on another row than they meant to. */
export interface Shown<Row> {
  rows: { row: Row; hasLeft: boolean }[];
  /** How many rows there are that are not shown yet. */
  fresh: number;
}

/**
 * Compares the rows that are shown with those that were read last. Shown rows keep their places and take their new content; those
 * that match the filters no longer are marked, and new ones are only counted.
 * @param shown the rows that are shown, with their last content
 */
export function reconcile<Row extends { id: string }>(
  shown: readonly Row[],
  read: readonly Row[],
): Shown<Row> {
  const latest = new Map(read.map((row) => [row.id, row]));
  const known = new Set(shown.map(({ id }) => id));
  const last = read.at(-1);
  // Beyond the last row that was read, rows have only moved to the next page.
  const end = last === undefined ? -1 : shown.findIndex(({ id }) => id === last.id);
  return {
    rows: shown.map((row, index) => ({
      row: latest.get(row.id) ?? row,
      hasLeft: !latest.has(row.id) && (end < 0 ? read.length === 0 : index <= end),
    })),
    fresh: read.filter(({ id }) => !known.has(id)).length,
  };
}
