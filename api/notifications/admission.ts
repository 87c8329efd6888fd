import type { Pool } from "pg";
import { isUnsent } from "../../ledger/conditions.ts";
import { drainedQueues } from "../../domain/delivery/queues.ts";

/**
 * A count older than this is followed by the next one while it is gone by; one older than `maxAgeMs` is not gone by. Far
 * below the bound it is not followed before that: a count costs some milliseconds for ten thousand rows.
 */
const recountMs = 150;
const maxAgeMs = 1_000;

/** The share by which the bounds are wider for critical messages, so that a backlog of others does not refuse an alarm. */
const criticalShare = 0.1;

interface Limits {
  /** Deliveries of notifications that may be accepted and not sent yet: in all, and to each recipient. */
  inAll: number;
  perRecipient: number;
}

/** Deliveries of campaigns wait in the same queues for their batches and digests, and are not counted: the index that is read holds none. */
const countSql = `SELECT count(*)::int AS count FROM (SELECT FROM open_deliveries d WHERE d.queue = ANY($1::text[]) AND ${isUnsent("d")} LIMIT $2) AS o`;

/** Room for the deliveries of one notification among those that are accepted. It must be released, whatever becomes of it. */
export interface Reservation {
  /** False where there is no room, so that the notification must not be written. */
  admitted: boolean;
  limits: Limits;
  /** The reservations of this process that came before and are not released, for the recipient who has most of them. */
  otherReservations(): number;
  /** Resolves when all reservations that came before for one of its recipients are released. */
  waitForOthers(): Promise<unknown>;
  /** `accepted`: how many deliveries were written; where that is not known, how many would have been. */
  release(accepted: number): void;
}

interface CountedReservation {
  size: number;
  released: boolean;
  /** It was under way while the deliveries were counted, so that the count may hold it or not. */
  ambiguous: boolean;
}

/** The place of a notification among those under way for one of its recipients. */
interface Ticket {
  released: Promise<void>;
}

/**
 * How much is accepted and unsent outside campaigns, one an API process: the number of open rows that
 * do not wait because their recipient wishes so, from a count at most
 * every `recountMs`, and what this process has accepted, or is about to, since. With one process the bound is exact: it is
 * never exceeded. With several it may be, by what the others accept between a count and the next. Rows that an operator
 * has tried again count, and are never refused.
 *
 * Rows of one recipient are counted by the statement that writes them; here is only who is about to, for one statement
 * does not see what another has not committed. That bound too is exact with one process, as long as a recipient goes by
 * one name, and off by what is under way at once otherwise.
 */
export function createAdmission({
  pool,
  maxUnsent,
  maxUnsentPerRecipient,
}: {
  pool: Pick<Pool, "query">;
  maxUnsent: number;
  maxUnsentPerRecipient: number;
}) {
  const withShare = (bound: number) => bound + Math.ceil(bound * criticalShare);
  const ordinary: Limits = { inAll: maxUnsent, perRecipient: maxUnsentPerRecipient };
  const critical: Limits = {
    inAll: withShare(maxUnsent),
    perRecipient: withShare(maxUnsentPerRecipient),
  };

  let counted = 0;
  let countedAt = -Infinity;
  let counting: Promise<void> | null = null;
  /** What the count may have missed: reservations that were not released before it began. */
  const uncounted = new Set<CountedReservation>();
  const tickets = new Map<string, Ticket[]>();

  const age = () => performance.now() - countedAt;
  const waiting = () => {
    let sum = counted;
    for (const { size } of uncounted) sum += size;
    return sum;
  };

  async function recount(): Promise<void> {
    const beganAt = performance.now();
    const seen = [...uncounted].filter(({ released }) => released);
    for (const reserved of uncounted) reserved.ambiguous = true;
    const { rows } = await pool.query<{ count: number }>({
      name: "count-unsent",
      text: countSql,
      values: [drainedQueues, critical.inAll + 1],
    });
    counted = rows[0]!.count;
    countedAt = beganAt;
    for (const reserved of seen) uncounted.delete(reserved);
  }
  const shareRecount = () => (counting ??= recount().finally(() => (counting = null)));

  /** Looks for room and takes it, with nothing in between. */
  function takeRoom(size: number, limit: number): CountedReservation | null {
    if (waiting() + size > limit) return null;
    const reserved = { size, released: false, ambiguous: counting !== null };
    uncounted.add(reserved);
    return reserved;
  }

  /** Refuses nothing over an old count, nor for a reservation that the count may hold already. */
  async function waitForRoom(size: number, limit: number): Promise<CountedReservation | null> {
    if (age() > maxAgeMs) await shareRecount();
    else if (age() > recountMs && waiting() > limit / 2) shareRecount().catch(() => {});
    for (let looks = 0; ; looks++) {
      const reserved = takeRoom(size, limit);
      const twice = () => [...uncounted].some(({ released, ambiguous }) => released && ambiguous);
      if (reserved || looks === 2 || (age() <= recountMs && !twice())) return reserved;
      await shareRecount();
    }
  }

  /** Reserves room for one delivery to each of `references`. */
  async function reserve(references: readonly string[], urgent: boolean): Promise<Reservation> {
    const names = [...new Set(references)];
    const limits = urgent ? critical : ordinary;
    const reserved = await waitForRoom(names.length, limits.inAll);
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
      admitted: reserved !== null,
      limits,
      otherReservations: () => names.reduce((most, name) => Math.max(most, before(name).length), 0),
      waitForOthers: () => Promise.all(names.flatMap(before).map(({ released }) => released)),
      release(accepted) {
        if (reserved) {
          reserved.size = accepted;
          reserved.released = true;
          if (accepted === 0) uncounted.delete(reserved);
        }
        for (const name of names) {
          const holders = tickets.get(name)!;
          if (holders.length === 1) tickets.delete(name);
          else holders.splice(holders.indexOf(ticket), 1);
        }
        endTicket();
      },
    };
  }

  return { reserve };
}

export type Admission = ReturnType<typeof createAdmission>;
