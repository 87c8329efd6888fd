import type { DecisionContext } from "./decision-input.ts";
import type { RequestedMessage, SimulatedOutcome } from "./simulate-types.ts";

type Repeats = Pick<DecisionContext, "duplicate" | "superseded">;

/** What these rules look at of a message. */
interface Row {
  request: Pick<
    RequestedMessage,
    | "notificationId"
    | "withoutRepeats"
    | "type"
    | "createdAt"
    | "dedupKey"
    | "collapseKey"
    | "repeats"
    | "superseded"
  >;
  outcome: Pick<SimulatedOutcome, "outcome">;
}

/**
 * When a simulated message repeats another one, and when a newer one supersedes it: the twin of the conditions in
 * ledger/repeats.ts (`repeatsColumn`, `isSuperseded`) for time that is simulated, told of each message as it arrives and is sent.
 * test/ledger/repeats.test.ts holds the two together.
 */
export function createRepeats(rows: readonly Row[], windowMs: number) {
  const requestedAgain = findRequestedAgain(rows, windowMs);
  const lastSent = {
    byDedupKey: new Map<string, string>(),
    byCollapseKey: new Map<string, string>(),
  };
  /** The messages of each collapse key that have arrived, the newest last; not all that have ended are gone. */
  const arrived = new Map<string, Row[]>();

  const repeatsEarlier = (row: Row) => row.request.repeats === "before" || requestedAgain.has(row);

  const newestWaiting = (key: string): Row | undefined => {
    const waiting = arrived.get(key) ?? [];
    while (waiting.length > 0 && waiting.at(-1)!.outcome.outcome !== "waiting") waiting.pop();
    return waiting.at(-1);
  };

  return {
    /** The message waits from now on, and has been due or held. */
    arrive(row: Row): void {
      const key = collapseKeyOf(row);
      // A message that repeats an earlier one supersedes nothing while it waits.
      if (key === null || repeatsEarlier(row)) return;
      const waiting = arrived.get(key) ?? [];
      arrived.set(key, waiting);
      waiting.splice(waiting.findLastIndex((one) => isNewer(idOf(row), idOf(one))) + 1, 0, row);
    },

    /** The message has been handed over. */
    send(row: Row): void {
      const id = idOf(row);
      if (id === null) return;
      const { dedupKey } = row.request;
      const collapseKey = collapseKeyOf(row);
      if (dedupKey !== null) keepNewest(lastSent.byDedupKey, dedupKey, id);
      if (collapseKey !== null) keepNewest(lastSent.byCollapseKey, collapseKey, id);
    },

    /** The repeats of a message that waits. */
    of(row: Row): Repeats {
      const { request } = row;
      if (request.withoutRepeats) return { duplicate: false, superseded: false };
      const id = idOf(row);
      const { dedupKey } = request;
      const collapseKey = collapseKeyOf(row);
      const sent = dedupKey === null ? undefined : lastSent.byDedupKey.get(dedupKey);
      const newer =
        collapseKey === null
          ? []
          : [lastSent.byCollapseKey.get(collapseKey), idOf(newestWaiting(collapseKey))];
      return {
        duplicate: request.repeats !== null || requestedAgain.has(row) || isNewer(sent, id),
        superseded: request.superseded || newer.some((other) => isNewer(other, id)),
      };
    },
  };
}

/** The messages whose dedup key another message had that was requested within the window before. */
function findRequestedAgain(rows: readonly Row[], windowMs: number): ReadonlySet<Row> {
  const last = new Map<string, number>();
  const found = new Set<Row>();
  const keyed = rows.filter(({ request }) => request.dedupKey !== null);
  for (const row of keyed.toSorted((a, b) => (isNewer(idOf(a), idOf(b)) ? 1 : -1))) {
    const { dedupKey, createdAt } = row.request;
    if ((last.get(dedupKey!) ?? Number.NEGATIVE_INFINITY) >= createdAt - windowMs) found.add(row);
    last.set(dedupKey!, createdAt);
  }
  return found;
}

/** Of its type and collapse key; null: it has none, or is a campaign's. */
function collapseKeyOf({ request: { notificationId, type, collapseKey } }: Row): string | null {
  const key = collapseKey ?? type?.collapseKey ?? null;
  return notificationId === null || key === null ? null : `${type?.id} ${key}`;
}

const idOf = (row: Row | undefined) => row?.request.notificationId ?? null;

/** Ids of notifications are in the order in which these were requested. */
const isNewer = (a: string | null | undefined, b: string | null | undefined): boolean =>
  a != null && b != null && a > b;

function keepNewest(ids: Map<string, string>, key: string, id: string): void {
  if (!isNewer(ids.get(key), id)) ids.set(key, id);
}
