import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import type { Facts } from "../domain/policy/decide.ts";
import { type GrantLog, type Limit, noGrants } from "../domain/policy/limits.ts";
import { dayMs, hourMs, minuteMs } from "../domain/time/local-time.ts";
import type { Attempt } from "../domain/delivery/attempt.ts";
import type { Preferences } from "../domain/policy/preferences.ts";
import type { Priority } from "../domain/priority.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { Settlement } from "../domain/delivery/settle.ts";
import type { RecipientView } from "../domain/recipient-view.ts";
import {
  decidedSql,
  dueSql,
  giveBackSql,
  membersSql,
  outlookSql,
  renewSql,
  turnSql,
} from "./statements.ts";

/**
 * The ledger as workers use it: set-based statements over `deliveries` and `attempts`, each one transaction. What is due
 * is only read; the claim is the compare-and-set that marks a row as `sending` just before it is handed over, under a
 * token and a lease. From then on it is written only by who holds that token (docs/decisions/0001).
 *
 * Instants are PostgreSQL's clock, or the workflow's time (`asOf`) where that is later: so workers need not agree with
 * each other, and a workflow's timer that fired finds its row due.
 */
export interface Ledger {
  /**
   * Up to `limit` rows of the queue that are due, or whose hand-over was cut off, the most urgent first, without those
   * in `except`; none while the queue's campaign is not running.
   */
  due(input: {
    queue: string;
    asOf: Date;
    limit: number;
    except: readonly string[];
  }): Promise<DueDelivery[]>;
  /** The due members of groups, however many, but for those in `except`: a group goes out as a whole. */
  membersOf(input: {
    groups: readonly string[];
    asOf: Date;
    except: readonly string[];
  }): Promise<DueDelivery[]>;
  /**
   * Writes decisions that need no hand-over. Rows that have changed since they were read are left alone: they are decided
   * again as they are.
   */
  decided(decisions: readonly Decided[]): Promise<void>;
  /**
   * One write for what ended and what is next. `settled`: what became of rows, with their attempts; their leases end. A row
   * that is no longer the token's is left to its new holder, whose first attempt says that this one was cut off. `wanted`:
   * messages to hand over, as the holder of `token`, for `leaseMs`; each asks for one permit of its recipient's limits, and
   * its rows are claimed with it. Rows that another claimed, or that are not due any more (cancelled, paused, held), that
   * were tried since they were read, whose campaign says something else by now than what would be sent, or whose recipient
   * has no room, are missing in the result. No two messages of one turn are for the same recipient.
   */
  settleAndClaim(input: {
    settled: readonly SettledDelivery[];
    wanted: readonly WantedMessage[];
    token: string;
    asOf: Date;
    leaseMs: number;
  }): Promise<SettledAndClaimed>;
  /** `turn` with nothing wanted. */
  settle(settled: readonly SettledDelivery[]): Promise<void>;
  /** Takes grants back that nothing came of: they count for no window any more. */
  giveBack(permits: readonly RateGrant[]): Promise<void>;
  /** Leases go on for another `leaseMs`. */
  renew(input: { rows: readonly LeasedRow[]; asOf: Date; leaseMs: number }): Promise<void>;
  /** When `due` would next find something, and what is open in the queue. */
  outlook(input: { queue: string; asOf: Date }): Promise<QueueOutlook>;
}

export interface LeasedRow {
  id: string;
  /** Null for a row that nobody has claimed. */
  token: string | null;
}

export interface DueDelivery extends LeasedRow {
  campaignId: string | null;
  notificationId: string | null;
  /** The campaign's revision in force when it was read; null for a notification, which has but one. */
  revision: number | null;
  priority: Priority;
  channel: Channel;
  dueAt: Date;
  /** Why it waited. */
  reason: Reason | null;
  holdCount: number;
  group: DueGroup | null;
  /** Hand-overs so far, a cut-off one included. */
  attemptCount: number;
  /** Of these, those that do not count towards the limit any more. */
  forgivenCount: number;
  /** It was being handed over when its worker died or lost its lease; `token` is the dead one. */
  interrupted: boolean;
  erased: boolean;
  recipient: RecipientView;
  /** What the recipient has said, if anything, and in which version. */
  preferences: Preferences | null;
  preferencesVersion: number;
  engagedHours: readonly number[];
  grants: GrantLog;
}

export type DueGroup = NonNullable<Facts["waiting"]["group"]> & {
  id: string;
  typeId: string | null;
};

/** By what a row was decided about, for who asks why. */
export interface Versions {
  policyVersion: number;
  typeVersion: number | null;
  preferencesVersion: number;
}

/** A decision that needs no hand-over: the row waits, or it has ended. */
export interface Decided extends Versions {
  id: string;
  /** As it was read: a row that moved since then is not touched. */
  readDueAt: Date;
  decidedAt: Date;
  reason: Reason;
  /** Null: it is suppressed. */
  dueAt: Date | null;
  holdCount: number;
  groupId: string | null;
}

/** What a message needs room for in its recipient's log of grants; null: that limit is not asked. */
export interface RoomNeeded {
  perMinute: number | null;
  perHour: number | null;
  perDay: number | null;
  /** To lie between the last grant and this one. */
  gapMs: number | null;
  typePerMinute: number | null;
  typePerHour: number | null;
  typePerDay: number | null;
}

/** The limits as the log is asked for them: of two on the same window, the tighter one. */
export function roomNeeded(limits: readonly Limit[], gapMs: number): RoomNeeded {
  const room: RoomNeeded = {
    perMinute: null,
    perHour: null,
    perDay: null,
    gapMs: gapMs === 0 ? null : gapMs,
    typePerMinute: null,
    typePerHour: null,
    typePerDay: null,
  };
  for (const { limit, windowMs, type } of limits) {
    const asked = type === null ? byWindow[windowMs] : typeByWindow[windowMs];
    if (!asked) throw new RangeError(`no log is asked for windows of ${windowMs} ms`);
    room[asked] = Math.min(room[asked] ?? limit, limit);
  }
  return room;
}

const byWindow: Record<number, keyof RoomNeeded> = {
  [minuteMs]: "perMinute",
  [hourMs]: "perHour",
  [dayMs]: "perDay",
};
const typeByWindow: Record<number, keyof RoomNeeded> = {
  [minuteMs]: "typePerMinute",
  [hourMs]: "typePerHour",
  [dayMs]: "typePerDay",
};

/** The same as the text of an array, in the order in which the statement looks for it. */
const askedOf = (room: RoomNeeded) =>
  plain(
    [
      room.perMinute,
      room.perHour,
      room.perDay,
      room.gapMs,
      room.typePerMinute,
      room.typePerHour,
      room.typePerDay,
    ],
    (asked) => asked,
  );

/** A message to hand over: a delivery, or the members of a group. */
export interface WantedMessage extends Versions {
  recipientId: string;
  /** The number of its type; 0 without one. */
  typeNumber: number;
  room: RoomNeeded;
  /** The rows, with what would be sent: of a campaign, its revision. */
  items: readonly {
    delivery: Pick<DueDelivery, "id" | "attemptCount">;
    source: { revision: number | null };
  }[];
}

/** A grant in a recipient's log. */
export interface RateGrant {
  recipientId: string;
  /** Milliseconds since the epoch. */
  at: number;
}

interface SettledAndClaimed {
  /** Rows that are ours until the lease ends. */
  claimed: Set<string>;
  /** To whom permits were granted, and when: also where nothing was claimed with one. */
  granted: ReadonlyMap<string, RateGrant>;
}

export interface SettledDelivery extends LeasedRow {
  settlement: Settlement;
  /** Hand-overs so far, these included. */
  attemptCount: number;
  attempts: readonly Attempt[];
}

interface QueueOutlook {
  /** Null: nothing is due, nor will be without a wake. */
  nextDueAt: Date | null;
  /** Why the earliest row waits, as in domain/delivery/reasons.ts; `interrupted` for a hand-over whose lease has to run out. */
  reason: string | null;
  /** Open rows, counted up to `openCountLimit`. */
  open: number;
}

const nobody = "00000000-0000-0000-0000-000000000000";

/**
 * The text of an array of numbers, ids and codes: nothing that would have to be escaped, which is what the driver spends
 * most of its time on with thousands of rows a second.
 */
function plain<Row>(rows: readonly Row[], value: (row: Row) => string | number | null): string {
  let text = "";
  for (const row of rows) text += text === "" ? (value(row) ?? "NULL") : `,${value(row) ?? "NULL"}`;
  return `{${text}}`;
}

export function createLedger(pool: Pool): Ledger {
  /** Named, so that PostgreSQL plans each statement once a connection. */
  const run = async (name: string, text: string, values: unknown[]): Promise<unknown[][]> =>
    (await pool.query<unknown[]>({ name, text, values, rowMode: "array" })).rows;

  const held = (rows: readonly LeasedRow[]) => [
    rows.map((row) => row.id),
    rows.map((row) => row.token),
  ];

  return {
    async due({ queue, asOf, limit, except }) {
      return (await run("due", dueSql, [queue, asOf, limit, except])).map(dueDelivery);
    },

    async membersOf({ groups, asOf, except }) {
      return (await run("members", membersSql, [groups, asOf, except])).map(dueDelivery);
    },

    async decided(decisions) {
      if (decisions.length === 0) return;
      const column = <Value>(value: (decision: Decided) => Value) => decisions.map(value);
      await run("decided", decidedSql, [
        column(({ id }) => id),
        column(({ readDueAt }) => readDueAt.getTime()),
        column(({ decidedAt }) => decidedAt.getTime()),
        column(({ dueAt }) => dueAt?.getTime() ?? null),
        column(({ reason }) => reason),
        column(({ holdCount }) => holdCount),
        column(({ groupId }) => groupId),
        column(({ policyVersion }) => policyVersion),
        column(({ typeVersion }) => typeVersion),
        column(({ preferencesVersion }) => preferencesVersion),
      ]);
    },

    async settleAndClaim({ settled, wanted, token, asOf, leaseMs }) {
      const made = settled.flatMap(({ id, attemptCount, attempts }) =>
        attempts.map((attempt, index) => ({
          id,
          number: attemptCount - attempts.length + index + 1,
          attempt,
        })),
      );
      const claims = wanted.flatMap((message) =>
        message.items.map(({ delivery, source }) => ({ delivery, source, message })),
      );
      const [row] = await run("turn", turnSql, [
        plain(settled, ({ id }) => id),
        plain(settled, (one) => one.token),
        plain(settled, ({ settlement }) => settlement.status),
        plain(settled, ({ settlement }) =>
          settlement.status === "pending" ? settlement.dueAt.getTime() : null,
        ),
        plain(settled, ({ settlement }) => settlement.reason),
        settled.map(({ settlement }) => ("detail" in settlement ? settlement.detail : null)),
        plain(settled, ({ attemptCount }) => attemptCount),
        plain(made, ({ id }) => id),
        plain(made, ({ number }) => number),
        made.map(({ attempt }) => attempt.provider),
        plain(made, ({ attempt }) => attempt.outcome),
        plain(made, ({ attempt }) => attempt.failure),
        made.map(({ attempt }) => attempt.response),
        plain(made, ({ attempt }) => attempt.startedAt.getTime()),
        plain(made, ({ attempt }) => attempt.finishedAt.getTime()),
        asOf,
        token,
        leaseMs,
        plain(wanted, ({ recipientId }) => recipientId),
        plain(wanted, ({ typeNumber }) => typeNumber),
        wanted.map(({ room }) => askedOf(room)),
        plain(claims, ({ delivery }) => delivery.id),
        plain(claims, ({ delivery }) => delivery.attemptCount),
        plain(claims, ({ source }) => source.revision),
        plain(claims, ({ message }) => message.recipientId),
        plain(claims, ({ message }) => message.policyVersion),
        plain(claims, ({ message }) => message.typeVersion),
        plain(claims, ({ message }) => message.preferencesVersion),
      ]);
      const [claimed, granted, grantedAt] = row as [string[], string[], number[]];
      return {
        claimed: new Set(claimed),
        granted: new Map(
          granted.map((recipientId, index) => [
            recipientId,
            { recipientId, at: grantedAt[index]! },
          ]),
        ),
      };
    },

    async giveBack(permits) {
      await run("give-back-grants", giveBackSql, [
        permits.map(({ recipientId }) => recipientId),
        permits.map(({ at }) => at),
      ]);
    },

    async settle(settled) {
      await this.settleAndClaim({
        settled,
        wanted: [],
        token: nobody,
        asOf: new Date(0),
        leaseMs: 0,
      });
    },

    async renew({ rows, asOf, leaseMs }) {
      await run("renew", renewSql, [...held(rows), asOf, leaseMs]);
    },

    async outlook({ queue, asOf }) {
      const [row] = await run("outlook", outlookSql, [queue, asOf]);
      const [open, nextDueAt, reason] = row as [number, Date | null, string | null];
      return { open, nextDueAt, reason };
    },
  };
}

function dueDelivery(row: unknown[]): DueDelivery {
  const [
    id,
    token,
    campaignId,
    notificationId,
    revision,
    attemptCount,
    forgivenCount,
    interrupted,
    erased,
    recipientId,
    externalId,
    email,
    phone,
    timeZone,
    locale,
    attributes,
    priority,
    channel,
    dueMs,
    reason,
    holdCount,
    groupId,
    kind,
    status,
    closesAt,
    typeId,
    preferences,
    preferencesVersion,
    engagedHours,
    granted,
    types,
  ] = row;
  return {
    id,
    token,
    campaignId,
    notificationId,
    revision,
    attemptCount,
    forgivenCount,
    interrupted,
    erased,
    recipient: { id: recipientId, externalId, email, phone, timeZone, locale, attributes },
    priority,
    channel,
    dueAt: new Date(dueMs as number),
    reason,
    holdCount,
    group:
      groupId === null
        ? null
        : { id: groupId, kind, status, closesAt: (closesAt as Date).getTime(), typeId },
    preferences,
    preferencesVersion,
    engagedHours: engagedHours ?? [],
    grants: granted === null ? noGrants : { granted, types },
  } as DueDelivery;
}
