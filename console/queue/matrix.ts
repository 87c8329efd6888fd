import { type Priority, priorities } from "../../domain/priority.ts";

/** One group of waiting deliveries, as the API counts them by reason and priority. */
export interface Group {
  reason?: string | null | undefined;
  priority?: Priority | undefined;
  waiting: number;
  due: number;
  sending: number;
  nextDueAt: string | null;
}

export interface Cell {
  waiting: number;
  due: number;
}

/** The deliveries that wait for one reason, by priority. */
export interface Line {
  /** Null: for their time or their turn. */
  reason: string | null;
  cells: Record<Priority, Cell>;
  total: Cell;
  /** When the next of them is due; null if all are due. */
  nextDueAt: string | null;
}

/** Arranges groups as lines by reason and columns by priority, the longest line first. */
export function toMatrix(groups: readonly Group[]): Line[] {
  const lines = new Map<string | null, Line>();
  for (const { reason = null, priority = "normal", waiting, due, nextDueAt } of groups) {
    if (waiting === 0) continue;
    const line = lines.get(reason) ?? {
      reason,
      cells: Object.fromEntries(
        priorities.map((each) => [each, { waiting: 0, due: 0 }]),
      ) as Line["cells"],
      total: { waiting: 0, due: 0 },
      nextDueAt: null,
    };
    for (const cell of [line.cells[priority], line.total]) {
      cell.waiting += waiting;
      cell.due += due;
    }
    if (nextDueAt !== null && (line.nextDueAt === null || nextDueAt < line.nextDueAt))
      line.nextDueAt = nextDueAt;
    lines.set(reason, line);
  }
  return [...lines.values()].sort((a, b) => b.total.waiting - a.total.waiting);
}

/** How dark a cell is, from 0 to 4, on a logarithmic scale up to the largest cell. */
export function heatOf(count: number, largest: number): number {
  if (count === 0) return 0;
  return Math.max(1, Math.round((4 * Math.log1p(count)) / Math.log1p(largest)));
}
