import type { DecisionContext } from "./decision-input.ts";
import type { RequestedMessage, SimulatedOutcome } from "./simulate-types.ts";

type Repeats = Pick<DecisionContext, "duplicate" | "superseded" | "undecided">;

/** The part of a message that decides whether it is a repeat or superseded. */
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
 * Finds whether a simulated message repeats another one, and whether a newer one supersedes it. These are the conditions of
 * ledger/repeats.ts (`wasRequestedBefore`, `isSuperseded`) for simulated time; test/ledger/repeats.test.ts compares the two.
 * The caller reports each message when it arrives and when it is sent.
 */
export function createRepeats(rows: readonly Row[], windowMs: number) {
  const repeatsEarlier = findRepeats(rows, windowMs);
  const lastSent = {
    byDedupKey: new Map<string, string>(),
    byCollapseKey: new Map<string, string>(),
  };
  /** The messages of each collapse key that have arrived, the newest last. Some of them may have ended. */
  const arrived = new Map<string, Row[]>();

  /** Finds the newest waiting message of a key. A message that repeats an earlier one supersedes nothing while it waits. */
  const findNewestWaiting = (key: string): Row | undefined => {
    const waiting = arrived.get(key) ?? [];
    while (waiting.length > 0 && waiting.at(-1)!.outcome.outcome !== "waiting") waiting.pop();
    return waiting.findLast(
      ({ outcome }, index) => outcome.outcome === "waiting" && !repeatsEarlier(waiting[index]!),
    );
  };

  return {
    /** Reports that the message waits: it is due or held. */
    arrive(row: Row): void {
      const key = collapseKeyOf(row);
      if (key === null) return;
      const waiting = arrived.get(key) ?? [];
      arrived.set(key, waiting);
      waiting.splice(waiting.findLastIndex((other) => isNewer(idOf(row), idOf(other))) + 1, 0, row);
    },

    /** Reports that the message was handed over. */
    send(row: Row): void {
      const id = idOf(row);
      if (id === null) return;
      const { dedupKey } = row.request;
      const collapseKey = collapseKeyOf(row);
      if (dedupKey !== null) keepNewest(lastSent.byDedupKey, dedupKey, id);
      if (collapseKey !== null) keepNewest(lastSent.byCollapseKey, collapseKey, id);
    },

    /** What the messages so far mean for a message that waits. */
    find(row: Row): Repeats {
      const { request } = row;
      if (request.withoutRepeats) return { duplicate: false, superseded: false, undecided: false };
      const id = idOf(row);
      const { dedupKey } = request;
      const collapseKey = collapseKeyOf(row);
      const sent = dedupKey === null ? undefined : lastSent.byDedupKey.get(dedupKey);
      const newer =
        collapseKey === null
          ? []
          : [lastSent.byCollapseKey.get(collapseKey), idOf(findNewestWaiting(collapseKey))];
      return {
        duplicate: request.repeats === "since" || repeatsEarlier(row) || isNewer(sent, id),
        superseded: request.superseded || newer.some((other) => isNewer(other, id)),
        // In a simulation, every message that has arrived is decided.
        undecided: false,
      };
    },
  };
}

/**
 * Returns a function that finds whether a message repeats one that was requested within the window before it and was sent,
 * waits, or is itself such a repeat. A message that ended without being sent has no repeats.
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
  const reachesRecipient = ({ outcome: { outcome } }: Row) => outcome !== "suppressed";
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
      if (reachesRecipient(other)) return true;
      const isRepeat = other.outcome.reason === "duplicate";
      if (
        isRepeat &&
        (other.request.repeats === "before" || same.slice(0, before).some(reachesRecipient))
      )
        return true;
    }
    return false;
  };
}

/** The message's type and collapse key in one string; null for a message without one, or of a campaign. */
function collapseKeyOf({ request: { notificationId, type, collapseKey } }: Row): string | null {
  const key = collapseKey ?? type?.collapseKey ?? null;
  return notificationId === null || key === null ? null : `${type?.id} ${key}`;
}

const idOf = (row: Row | undefined) => row?.request.notificationId ?? null;

/** Whether `a` is newer than `b`. The ids of notifications sort by the time of the request. */
const isNewer = (a: string | null | undefined, b: string | null | undefined): boolean =>
  a != null && b != null && a > b;

function keepNewest(ids: Map<string, string>, key: string, id: string): void {
  if (!isNewer(ids.get(key), id)) ids.set(key, id);
}
