import { type FilteredReason, filteredReasons } from "../../domain/delivery/reasons.ts";
import { type Priority, priorities } from "../../domain/priority.ts";
import type { DeliverySearch } from "../deliveries/search.ts";
import { readSeveral, readText } from "../shell/url.ts";

/** What the lines of the matrix are. */
export const pivots = ["reason", "type", "queue"] as const;
export type Pivot = (typeof pivots)[number];

/** What the address of the queue says: the lines, and which of its cells are selected. */
export interface QueueSearch {
  /** The reasons for which deliveries wait are the default. */
  by?: "type" | "queue" | undefined;
  /** The selected lines; all if there are none. */
  reason?: FilteredReason[] | undefined;
  type?: string | undefined;
  queue?: string | undefined;
  /** The selected columns; all if there are none. */
  priority?: Priority[] | undefined;
  cursor?: string | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export function readQueueSearch(raw: Record<string, unknown>): QueueSearch {
  const by = raw["by"] === "type" || raw["by"] === "queue" ? raw["by"] : undefined;
  return {
    by,
    reason: by === undefined ? readSeveral(raw["reason"], filteredReasons) : undefined,
    type: by === "type" ? readText(raw["type"], 100) : undefined,
    queue: by === "queue" ? readText(raw["queue"], 100) : undefined,
    priority: readSeveral(raw["priority"], priorities),
    cursor: readText(raw["cursor"], 1_000),
  };
}

/** The cells that are selected: each of these lines with each of these columns. Null where all are. */
export interface Picked {
  lines: readonly string[] | null;
  columns: readonly Priority[] | null;
}

export const pickedIn = ({ reason, type, queue, priority }: QueueSearch): Picked => ({
  lines: reason ?? (type === undefined ? (queue === undefined ? null : [queue]) : [type]),
  columns: priority ?? null,
});

/** The filters of the deliveries in the selected cells. */
export const toDeliverySearch = ({
  reason,
  type,
  queue,
  priority,
}: QueueSearch): DeliverySearch => ({
  status: ["pending"],
  reason,
  type,
  queue,
  priority,
  order: "oldest",
});

/**
 * Writes a selection into a search. Deliveries are filtered by any number of reasons, but by one type or queue: of several lines, the
 * last one is taken there.
 */
export function withPicked(search: QueueSearch, { lines, columns }: Picked): QueueSearch {
  const last = lines?.at(-1);
  return {
    by: search.by,
    reason: search.by === undefined ? ((lines as FilteredReason[] | null) ?? undefined) : undefined,
    type: search.by === "type" ? last : undefined,
    queue: search.by === "queue" ? last : undefined,
    priority: columns === null ? undefined : [...columns],
    cursor: undefined,
  };
}

/** Selects a cell by itself, or nothing if it was selected by itself. */
export function pickCell(picked: Picked, line: string, column: Priority): Picked {
  const isAlone =
    picked.lines?.length === 1 &&
    picked.lines[0] === line &&
    picked.columns?.length === 1 &&
    picked.columns[0] === column;
  return isAlone ? { lines: null, columns: null } : { lines: [line], columns: [column] };
}

/** Adds the line and the column of a cell to a selection. */
export const addCell = ({ lines, columns }: Picked, line: string, column: Priority): Picked =>
  lines === null && columns === null
    ? { lines: [line], columns: [column] }
    : { lines: lines && include(lines, line), columns: columns && include(columns, column) };

/** Selects a line or column, or takes it out of the selection. None left means all. */
export function toggle<Value extends string>(
  chosen: readonly Value[] | null,
  value: Value,
): readonly Value[] | null {
  if (chosen === null) return [value];
  const next = chosen.includes(value)
    ? chosen.filter((each) => each !== value)
    : [...chosen, value];
  return next.length === 0 ? null : next;
}

const include = <Value>(values: readonly Value[], value: Value): readonly Value[] =>
  values.includes(value) ? values : [...values, value];
