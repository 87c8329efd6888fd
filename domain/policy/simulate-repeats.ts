import type { DecisionContext } from "./decision-input.ts";
import type { RequestedMessage, SimulatedOutcome } from "./simulate-types.ts";

type Repeats = Pick<DecisionContext, "duplicate" | "superseded" | "undecided">;

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
  outcome: Pick<SimulatedOutcome, "outcome" | "reason">;
}

/**
 * When a simulated message repeats another one, and when a newer one supersedes it: the twin of the conditions in
 * ledger/repeats.ts (`wasRequestedBefore`, `isSuperseded`) for time that is simulated, told of each message as it arrives and is sent.
 * test/ledger/repeats.test.ts holds the two together.
 */
export function createRepeats(rows: readonly Row[], windowMs: number) {
  const repeatsEarlier = findRepeats(rows, windowMs);
  const lastSent = {
    byDedupKey: new Map<string, string>(),
    byCollapseKey: new Map<string, string>(),
  };
  /** The messages of each collapse key that have arrived, the newest last; not all that have ended are gone. */
  const arrived = new Map<string, Row[]>();

  /** The newest that waits. One that repeats an earlier message supersedes nothing while it waits. */
  const newestWaiting = (key: string): Row | undefined => {
    const waiting = arrived.get(key) ?? [];
    while (waiting.length > 0 && waiting.at(-1)!.outcome.outcome !== "waiting") waiting.pop();
    return waiting.findLast(
      ({ outcome }, index) => outcome.outcome === "waiting" && !repeatsEarlier(waiting[index]!),
    );
  };

  return {
    /** The message waits from now on, and has been due or held. */
    arrive(row: Row): void {
      const key = collapseKeyOf(row);
      if (key === null) return;
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
      if (request.withoutRepeats) return { duplicate: false, superseded: false, undecided: false };
      const id = idOf(row);
      const { dedupKey } = request;
      const collapseKey = collapseKeyOf(row);
      const sent = dedupKey === null ? undefined : lastSent.byDedupKey.get(dedupKey);
      const newer =
        collapseKey === null
          ? []
          : [lastSent.byCollapseKey.get(collapseKey), idOf(newestWaiting(collapseKey))];
      return {
        duplicate: request.repeats === "since" || repeatsEarlier(row) || isNewer(sent, id),
        superseded: request.superseded || newer.some((other) => isNewer(other, id)),
        // Whatever has arrived has been decided about.
        undecided: false,
      };
    },
  };
}

/**
 * Tells whether a message repeats one that was requested within the window before it, and was sent or waits, or was such a repeat
 * itself. What ended without a message told nobody anything.
 */
function findRepeats(rows: readonly Row[], windowMs: number): (row: Row) => boolean {
  const byKey = new Map<string, Row[]>();
  const places = new Map<Row, number>();
  const keyed = rows.filter(({ request }) => request.dedupKey !== null);
  for (const row of keyed.toSorted((a, b) => (isNewer(idOf(a), idOf(b)) ? 1 : -1))) {
    const { dedupKey } = row.request;
    const same = byKey.get(dedupKey!) ?? [];
    byKey.set(dedupKey!, same);
    places.set(row, same.push(row) - 1);
  }
  const reachesSomebody = ({ outcome: { outcome } }: Row) => outcome !== "suppressed";
  return (row) => {
    const { dedupKey, createdAt, repeats } = row.request;
    if (repeats === "before") return true;
    const place = places.get(row);
    if (place === undefined) return false;
    const same = byKey.get(dedupKey!)!;
    for (let before = place - 1; before >= 0; before -= 1) {
      const other = same[before]!;
      if (idOf(other) === idOf(row)) continue;
      if (other.request.createdAt < createdAt - windowMs) return false;
      if (reachesSomebody(other)) return true;
      const isRepeat = other.outcome.reason === "duplicate";
      if (
        isRepeat &&
        (other.request.repeats === "before" || same.slice(0, before).some(reachesSomebody))
      )
        return true;
    }
    return false;
  };
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
