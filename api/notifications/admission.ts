import type { Pool } from "pg";
import { cachedRead } from "../../lib/cached-read.ts";
import { countBacklog, countLater, readDrainRate } from "../../ledger/waiting-counts.ts";
import { type Room, WaitingRoom } from "./waiting-room.ts";

/** The share by which the bounds are wider for critical messages, so that a backlog of others does not refuse an alarm. */
const criticalShare = 0.1;
/** The maximum number of deliveries that are counted, in multiples of the limit. */
const countedBounds = 4;
/** How old counts may be. The number of deliveries for later changes slowly, and counting them takes longer. */
const maxAgeMs = { backlog: 1_000, later: 60_000 };
/** How old the count of held deliveries may be when a due delivery is admitted. */
const heldAgeMs = 1_000;
/** How long a request waits for the rate at which the backlog drains. */
const ratePatienceMs = 1_000;
/** The longest `Retry-After`. Room can come earlier than computed: callers may cancel scheduled deliveries, and workers may be added. */
const longestWaitSeconds = 3_600;
/** The `Retry-After` while nothing is sent: workers, or what they need, may be back at any time. */
const standstillSeconds = 60;

/** The deliveries that a notification needs room for. */
interface RequestedRoom {
  /** The recipients, as the request names them: one delivery to each. */
  references: readonly string[];
  /** The caller, as in `created_by` of notifications. */
  key: string;
  isCritical: boolean;
  /** Whether the deliveries are due later than `dueSoonMs` in ledger/conditions.ts from now. */
  isLater: boolean;
}

type Size = Omit<RequestedRoom, "references"> & { size: number };

/** Why there is no room. */
export interface Refusal extends Room {
  variable: "MAX_UNSENT" | "MAX_SCHEDULED";
}

type Taken = { refusal: Refusal } | { refusal: null; release: (accepted: number) => void };

/** Room for the deliveries of one notification. It must be released in every case. */
export interface Reservation {
  /** Why there is no room. The notification must not be written then. */
  refusal: Refusal | null;
  /** How many deliveries may wait for each recipient. */
  perRecipient: number;
  /** How many earlier reservations of this process are not released, for the recipient who has most of them. */
  otherReservations(): number;
  /** Resolves when all earlier reservations for any of its recipients are released. */
  waitForOthers(): Promise<unknown>;
  /** Releases the room. `accepted` is how many deliveries were written; if that is not known, how many would have been. */
  release(accepted: number): void;
}

/** The place of a notification among those that are being accepted for one of its recipients. */
interface Ticket {
  released: Promise<void>;
}

/**
 * Creates what bounds the accepted and unsent deliveries outside campaigns. An API process has one. It bounds the backlog and the
 * deliveries for later, and gives every API key a share of each (docs/decisions/0017). With one API process the bounds are exact.
 * With several, they can be exceeded by what the other processes accept between two counts. Deliveries that an operator retries
 * count, and are never refused.
 *
 * The deliveries of one recipient are counted by the statement that writes them. That statement does not see what others have not
 * committed, so the reservations here stand for these. This bound is exact with one process if all requests name a recipient in the
 * same way; otherwise it can be exceeded by the requests that are accepted at the same time.
 */
export function createAdmission({
  pool,
  maxUnsent,
  maxScheduled,
  maxUnsentPerRecipient,
}: {
  pool: Pick<Pool, "query">;
  maxUnsent: number;
  maxScheduled: number;
  maxUnsentPerRecipient: number;
}) {
  const withReserve = (bound: number) => bound + Math.ceil(bound * criticalShare);
  const limits = { ordinary: maxUnsent, critical: withReserve(maxUnsent) };
  let duePerSecond = 0;
  const backlog = new WaitingRoom(
    (byKey) => countBacklog(pool, { byKey, limit: countedBounds * limits.critical }),
    maxAgeMs.backlog,
  );
  const later = new WaitingRoom(async (byKey) => {
    const counted = await countLater(pool, { byKey, limit: countedBounds * maxScheduled });
    ({ duePerSecond } = counted);
    return counted;
  }, maxAgeMs.later);
  const drainRate = cachedRead(() => readDrainRate(pool), ratePatienceMs);
  const tickets = new Map<string, Ticket[]>();

  const unsentRules = {
    ordinary: [{ kind: "all", bound: limits.ordinary }],
    // The second rule holds for critical deliveries whatever the number of other deliveries.
    critical: [
      { kind: "all", bound: limits.critical },
      { kind: "critical", bound: limits.critical - limits.ordinary },
    ],
  } as const;
  const heldRule = { kind: "held", bound: maxScheduled } as const;

  /** Takes room if there is any. Otherwise returns the bound that leaves none. */
  async function takeRoom({ key, size, isCritical, isLater }: Size): Promise<Taken> {
    if (isLater) {
      const found = await later.find(key, { all: size, held: 0 }, [
        { kind: "all", bound: maxScheduled },
      ]);
      if (found.refused) return { refusal: { ...found.refused, variable: "MAX_SCHEDULED" } };
      return { refusal: null, release: (all) => found.release({ all, held: 0 }) };
    }
    // Due deliveries are never refused because of scheduled ones, and because of held ones only if these alone use up the bound.
    if (!isCritical) {
      later.renew(heldAgeMs);
      const room = later.roomFor(key, size, heldRule);
      if (room.excess !== null && room.excess > 0)
        return { refusal: { ...room, variable: "MAX_SCHEDULED" } };
    }
    const countsOf = (all: number) => ({ all, critical: isCritical ? all : 0 });
    const rules = unsentRules[isCritical ? "critical" : "ordinary"];
    const found = await backlog.find(key, countsOf(size), [...rules]);
    if (found.refused) return { refusal: { ...found.refused, variable: "MAX_UNSENT" } };
    return { refusal: null, release: (all) => found.release(countsOf(all)) };
  }

  /** Reserves room for one delivery to each of `references`. */
  async function reserve({ references, ...requested }: RequestedRoom): Promise<Reservation> {
    const names = [...new Set(references)];
    const taken = await takeRoom({ ...requested, size: names.length });
    let endTicket = () => {};
    const ticket: Ticket = { released: new Promise((resolve) => (endTicket = resolve)) };
    for (const name of names) {
      const holders = tickets.get(name);
      if (holders) holders.push(ticket);
      else tickets.set(name, [ticket]);
    }
    const listEarlier = (name: string) => {
      const holders = tickets.get(name)!;
      return holders.slice(0, holders.indexOf(ticket));
    };
    return {
      refusal: taken.refusal,
      perRecipient: requested.isCritical
        ? withReserve(maxUnsentPerRecipient)
        : maxUnsentPerRecipient,
      otherReservations: () =>
        names.reduce((most, name) => Math.max(most, listEarlier(name).length), 0),
      waitForOthers: () => Promise.all(names.flatMap(listEarlier).map(({ released }) => released)),
      release(accepted) {
        if (!taken.refusal) taken.release(accepted);
        for (const name of names) {
          const holders = tickets.get(name)!;
          if (holders.length === 1) tickets.delete(name);
          else holders.splice(holders.indexOf(ticket), 1);
        }
        endTicket();
      },
    };
  }

  /** Estimates in how many seconds the backlog is sent, at the current rate. */
  const secondsUntilSent = () => secondsUntilGone(backlog.total("all"), "MAX_UNSENT");

  /** Estimates in how many seconds `count` fewer deliveries will be in the backlog, or for later, at the current rate. */
  async function secondsUntilGone(count: number, from: Refusal["variable"]): Promise<number> {
    const perSecond = from === "MAX_SCHEDULED" ? duePerSecond : ((await drainRate()) ?? 0);
    if (perSecond === 0) return from === "MAX_SCHEDULED" ? longestWaitSeconds : standstillSeconds;
    return Math.max(1, Math.min(longestWaitSeconds, Math.ceil(count / perSecond)));
  }

  return { reserve, secondsUntilGone, secondsUntilSent, longestWaitSeconds };
}

export type Admission = ReturnType<typeof createAdmission>;
