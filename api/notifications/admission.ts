import type { Pool } from "pg";
import { isUnsent } from "../../ledger/conditions.ts";
import { drainedQueues } from "../../domain/delivery/queues.ts";

/**
 * A count older than this is followed by the next one while it is gone by; one older than `maxAgeMs` is not gone by. Far
 * below the bound it is not followed before that: a count costs some milliseconds for ten thousand rows.
 */
const recountMs = 150;
const maxAgeMs = 1_000;

/** Of the bounds, on top, for what is critical: so that a backlog of ordinary messages does not refuse an alarm. */
const criticalShare = 0.1;

interface Limits {
  /** Deliveries of notifications that may be accepted and not sent yet: in all, and to each recipient. */
  inAll: number;
  perRecipient: number;
}

/** Deliveries of campaigns wait in the same queues for their batches and digests: counted by an index that holds no others. */
const countSql = `SELECT count(*)::int AS count FROM (SELECT FROM deliveries d WHERE d.queue = ANY($1::text[]) AND ${isUnsent("d")} LIMIT $2) AS o`;

/** A notification's place among what is accepted: to be left, whatever becomes of it. */
export interface Place {
  /** False: there is no room for it, so that it must not be written. */
  admitted: boolean;
  limits: Limits;
  /** How many of those who came before, in this process, and have not left yet, are for one recipient: of the busiest. */
  others(): number;
  /** Resolves when all who came before for one of its recipients have left. */
  othersLeft(): Promise<unknown>;
  /** `accepted`: how many deliveries were written; what was asked for, where nobody knows. */
  leave(accepted: number): void;
}

interface Reservation {
  size: number;
  left: boolean;
  /** It was under way while a count was: it stands in that, or does not. */
  ambiguous: boolean;
}

interface Ticket {
  left: Promise<void>;
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
export function createBacklog({
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
  /** What the count may have missed: not left before it began. */
  const uncounted = new Set<Reservation>();
  const tickets = new Map<string, Ticket[]>();

  const age = () => performance.now() - countedAt;
  const waiting = () => {
    let sum = counted;
    for (const { size } of uncounted) sum += size;
    return sum;
  };

  async function recount(): Promise<void> {
    const beganAt = performance.now();
    const seen = [...uncounted].filter(({ left }) => left);
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
  const recountOnce = () => (counting ??= recount().finally(() => (counting = null)));

  /** Looks for room and takes it, with nothing in between. */
  function reserve(size: number, limit: number): Reservation | null {
    if (waiting() + size > limit) return null;
    const reserved = { size, left: false, ambiguous: counting !== null };
    uncounted.add(reserved);
    return reserved;
  }

  /** Nothing is refused over an old count, nor for what may stand in it twice. */
  async function reservation(size: number, limit: number): Promise<Reservation | null> {
    if (age() > maxAgeMs) await recountOnce();
    else if (age() > recountMs && waiting() > limit / 2) recountOnce().catch(() => {});
    for (let looks = 0; ; looks++) {
      const reserved = reserve(size, limit);
      const twice = () => [...uncounted].some(({ left, ambiguous }) => left && ambiguous);
      if (reserved || looks === 2 || (age() <= recountMs && !twice())) return reserved;
      await recountOnce();
    }
  }

  /** To be written, once it has a place: one delivery to each of `references`. */
  async function enter(references: readonly string[], urgent: boolean): Promise<Place> {
    const names = [...new Set(references)];
    const limits = urgent ? critical : ordinary;
    const reserved = await reservation(names.length, limits.inAll);
    let leave = () => {};
    const ticket: Ticket = { left: new Promise((resolve) => (leave = resolve)) };
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
      others: () => names.reduce((most, name) => Math.max(most, before(name).length), 0),
      othersLeft: () => Promise.all(names.flatMap(before).map(({ left }) => left)),
      leave(accepted) {
        if (reserved) {
          reserved.size = accepted;
          reserved.left = true;
          if (accepted === 0) uncounted.delete(reserved);
        }
        for (const name of names) {
          const holders = tickets.get(name)!;
          if (holders.length === 1) tickets.delete(name);
          else holders.splice(holders.indexOf(ticket), 1);
        }
        leave();
      },
    };
  }

  return { enter };
}

export type Backlog = ReturnType<typeof createBacklog>;
