/** A field that differs between what somebody edited, what is stored now, and what both began with. */
export interface Difference {
  field: string;
  base: unknown;
  mine: unknown;
  theirs: unknown;
  /** Who changed the field. If both did, in different ways, somebody has to choose. */
  by: "mine" | "theirs" | "both";
}

type Fields = Readonly<Record<string, unknown>>;

/** Compares the fields of `mine` and `theirs` with those of `base`. Fields that both changed to the same value are left out. */
export function findDifferences(
  base: Fields,
  mine: Fields,
  theirs: Fields,
  isSame: (one: unknown, other: unknown) => boolean,
): Difference[] {
  return Object.keys(mine).flatMap((field): Difference[] => {
    const [before, own, other] = [base[field], mine[field], theirs[field]];
    if (isSame(own, other)) return [];
    const by = isSame(own, before) ? "theirs" : isSame(other, before) ? "mine" : "both";
    return [{ field, base: before, mine: own, theirs: other, by }];
  });
}

/** Takes each differing field from the side that was chosen, or else from the side that changed it. Undefined while a choice is missing. */
export function mergeFields<Of extends Fields>(
  mine: Of,
  differences: readonly Difference[],
  chosen: Readonly<Record<string, "mine" | "theirs">>,
): Of | undefined {
  const merged: Record<string, unknown> = { ...mine };
  for (const { field, theirs, by } of differences) {
    const side = chosen[field] ?? (by === "both" ? undefined : by);
    if (side === undefined) return undefined;
    if (side === "theirs") merged[field] = theirs;
  }
  return merged as Of;
}
