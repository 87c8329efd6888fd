import { type Priority, priorities } from "../../domain/priority.ts";

/** One group of waiting deliveries, as the API counts them by one dimension and by priority. */
export interface Group {
  /** The reason, the type or the queue; null for deliveries without one. */
  line: string | null;
  priority?: Priority | undefined;
  waiting: number;
  due: number;
  sending: number;
  nextDueAt: string | null;
}

interface Cell {
  waiting: number;
  due: number;
}

/** The deliveries of one line, by priority. */
export interface Line {
  name: string | null;
  cells: Record<Priority, Cell>;
  total: Cell;
  /** When the next of them is due; null if all are due. */
  nextDueAt: string | null;
}

/** Arranges groups as lines, the longest first, and columns by priority. */
export function toMatrix(groups: readonly Group[]): Line[] {
  const lines = new Map<string | null, Line>();
  for (const { line: name, priority = "normal", waiting, due, nextDueAt } of groups) {
    if (waiting === 0) continue;
    const line = lines.get(name) ?? {
      name,
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
    lines.set(name, line);
  }
  return [...lines.values()].sort((a, b) => b.total.waiting - a.total.waiting);
}

/** Adds up the columns of all lines. */
export function sumColumns(lines: readonly Line[]): Line["cells"] {
  const sums = Object.fromEntries(
    priorities.map((each) => [each, { waiting: 0, due: 0 }]),
  ) as Line["cells"];
  for (const { cells } of lines)
    for (const priority of priorities) {
      sums[priority].waiting += cells[priority].waiting;
      sums[priority].due += cells[priority].due;
    }
  return sums;
}

/** How dark a cell is, from 0 to 4, on a logarithmic scale up to the largest cell. */
export function heatOf(count: number, largest: number): number {
  if (count === 0) return 0;
  return Math.max(1, Math.round((4 * Math.log1p(count)) / Math.log1p(largest)));
}
