import type { Pool } from "pg";
import { cachedRead } from "../../lib/cached-read.ts";
import { countBacklog, countLater, readDrainRate } from "../../ledger/waiting-counts.ts";
import { type Room, WaitingRoom } from "./waiting-room.ts";

/** The share by which the bounds are wider for critical messages, so that a backlog of others does not refuse an alarm. */
const criticalShare = 0.1;
/** Deliveries that are counted, at most: in multiples of the bound. */
const countedBounds = 4;
/** What is for later changes slowly, and counting it takes longer. */
const maxAgeMs = { backlog: 1_000, later: 60_000 };
/** What is held matters little to what is due, so that its count may be older. */
const heldAgeMs = 1_000;
/** Nobody waits longer for the rate at which the backlog drains. */
const ratePatienceMs = 1_000;
/** Nobody is told to wait for longer: others may cancel what they have scheduled, or workers may be added. */
const longestWaitSeconds = 3_600;
/** When to try again where nothing is sent: workers, or what they need, may be back at any time. */
const standstillSeconds = 60;

/** What a notification wants room for. */
interface Wanted {
  /** One delivery to each of these. */
  references: readonly string[];
  /** Who asks: as `created_by` of notifications. */
  key: string;
  isCritical: boolean;
  /** It is not due soon, as `dueSoonMs` in ledger/conditions.ts has it. */
  isLater: boolean;
}

type Size = Omit<Wanted, "references"> & { size: number };

/** Why there is no room. */
export interface Refusal extends Room {
  variable: "MAX_UNSENT" | "MAX_SCHEDULED";
}

type Taken = { refusal: Refusal } | { refusal: null; release: (accepted: number) => void };

/** Room for the deliveries of one notification among those that are accepted. It must be released, whatever becomes of it. */
export interface Reservation {
  /** Why there is no room, so that the notification must not be written. */
  refusal: Refusal | null;
  /** Deliveries that may wait for each recipient. */
  perRecipient: number;
  /** The reservations of this process that came before and are not released, for the recipient who has most of them. */
  otherReservations(): number;
  /** Resolves when all reservations that came before for one of its recipients are released. */
  waitForOthers(): Promise<unknown>;
  /** `accepted`: how many deliveries were written; where that is not known, how many would have been. */
  release(accepted: number): void;
}

/** The place of a notification among those under way for one of its recipients. */
interface Ticket {
  released: Promise<void>;
}

/**
 * Bounds what is accepted and unsent outside campaigns, one an API process: the backlog and what is for later, each with a share for
 * every key (docs/decisions/0017). With one process the bounds are exact: accepting never passes them. With several they may be, by
 * what the others accept between a count and the next. Rows that an operator has tried again count, and are never refused.
 *
 * Rows of one recipient are counted by the statement that writes them; here is only who is about to, for one statement
 * does not see what another has not committed. That bound too is exact with one process, as long as a recipient goes by
 * one name, and off by what is under way at once otherwise.
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
    // The second holds however much of other priorities is due.
    critical: [
      { kind: "all", bound: limits.critical },
      { kind: "critical", bound: limits.critical - limits.ordinary },
    ],
  } as const;
  const heldRule = { kind: "held", bound: maxScheduled } as const;

  /** Takes room where there is any. Of a bound that leaves none, says which it is. */
  async function takeRoom({ key, size, isCritical, isLater }: Size): Promise<Taken> {
    if (isLater) {
      const found = await later.find(key, { all: size, held: 0 }, [
        { kind: "all", bound: maxScheduled },
      ]);
      if (found.refused) return { refusal: { ...found.refused, variable: "MAX_SCHEDULED" } };
      return { refusal: null, release: (all) => found.release({ all, held: 0 }) };
    }
    // What is due is never refused for what is scheduled, and for what is held only where that alone has used the bound up.
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
  async function reserve({ references, ...wanted }: Wanted): Promise<Reservation> {
    const names = [...new Set(references)];
    const taken = await takeRoom({ ...wanted, size: names.length });
    let endTicket = () => {};
    const ticket: Ticket = { released: new Promise((resolve) => (endTicket = resolve)) };
    for (const name of names) {
      const holders = tickets.get(name);
      if (holders) holders.push(ticket);
      else tickets.set(name, [ticket]);
    }
    const before = (name: string) => {
      const holders = tickets.get(name)!;
      return holders.slice(0, holders.indexOf(ticket));
    };
    return {
      refusal: taken.refusal,
      perRecipient: wanted.isCritical ? withReserve(maxUnsentPerRecipient) : maxUnsentPerRecipient,
      otherReservations: () => names.reduce((most, name) => Math.max(most, before(name).length), 0),
      waitForOthers: () => Promise.all(names.flatMap(before).map(({ released }) => released)),
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

  /** In how many seconds what is due to a recipient is sent, at the latest, as it goes at the moment: after what waits with it. */
  const secondsUntilSent = () => secondsUntilGone(backlog.total("all"), "MAX_UNSENT");

  /** In how many seconds so many fewer will be in the backlog, or be for later, as it goes at the moment. */
  async function secondsUntilGone(count: number, from: Refusal["variable"]): Promise<number> {
    const perSecond = from === "MAX_SCHEDULED" ? duePerSecond : ((await drainRate()) ?? 0);
    if (perSecond === 0) return from === "MAX_SCHEDULED" ? longestWaitSeconds : standstillSeconds;
    return Math.max(1, Math.min(longestWaitSeconds, Math.ceil(count / perSecond)));
  }

  return { reserve, secondsUntilGone, secondsUntilSent, longestWaitSeconds };
}

export type Admission = ReturnType<typeof createAdmission>;
