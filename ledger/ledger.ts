import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import type { LimitsNeeded } from "../domain/policy/limits.ts";
import type { Attempt } from "../domain/delivery/attempt.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { Settlement } from "../domain/delivery/settle.ts";
import { type Bounce, suppressRepeatedBounces, suppressUnknownAddresses } from "./bounces.ts";
import { type DueDelivery, type LeasedRow, toDueDelivery } from "./due-delivery.ts";
import { executeForArrays, executeOn } from "./sql.ts";
import {
  type AttemptColumns,
  type ClaimColumns,
  confirmClaims,
  type GrantColumns,
  giveBackGrants,
  type PlainArray,
  readDue,
  readDueMembers,
  readOutlook,
  renewLeases,
  type SettledColumns,
  settleAndClaim,
  writeDecisions,
} from "./statements.ts";

export type { DueDelivery, DueGroup, LeasedRow } from "./due-delivery.ts";

/**
 * The ledger as workers use it: set-based statements over open and ended deliveries and their attempts, each one transaction. What is due
 * is only read; the claim is the compare-and-set that marks a row as `sending` just before it is handed over, under a
 * token and a lease. From then on it is written only by who holds that token (docs/decisions/0001).
 *
 * Instants are those of PostgreSQL's clock (`ledger_now()` in the migrations), and of no other: so workers need not agree with each
 * other, nor with Temporal.
 */
export interface Ledger {
  /**
   * Up to `limit` rows of the queue that are due on one of the channels, or whose hand-over was cut off, the most urgent first,
   * without those in `except`, and those that come before the places in `after`; none while the queue's campaign is not running.
   */
  due(input: {
    queue: string;
    channels: readonly Channel[];
    limit: number;
    except: readonly string[];
    after?: readonly DuePlace[];
  }): Promise<DueDelivery[]>;
  /** The due members of groups, however many, but for those in `except`: a group goes out as a whole. */
  membersOf(input: {
    groups: readonly string[];
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
   * has no room, are missing in the result. No two messages of one turn are for the same recipient. Addresses at which messages
   * bounced are suppressed by the rules of bounces.ts. `localAheadMs`: by how much the instants of attempts, which are the worker's own,
   * are ahead of the ledger's.
   */
  settleAndClaim(input: {
    settled: readonly SettledDelivery[];
    wanted: readonly WantedMessage[];
    token: string;
    leaseMs: number;
    localAheadMs: number;
  }): Promise<SettledAndClaimed>;
  /** `turn` with nothing wanted. */
  settle(settled: readonly SettledDelivery[]): Promise<void>;
  /** Of claimed rows those that are still the token's, and may be handed over as they were claimed: nobody has stopped what they are owed to, or edited it. */
  confirm(rows: readonly LeasedRow[]): Promise<Set<string>>;
  /** Takes grants back that nothing came of: they count for no window any more. */
  giveBack(grants: readonly RateGrant[]): Promise<void>;
  /** Leases go on for another `leaseMs`. */
  renew(input: { rows: readonly LeasedRow[]; leaseMs: number }): Promise<void>;
  /** When `due` would next find something on each channel, and how much is open in the queue. */
  outlook(queue: string): Promise<QueueOutlook>;
}

/** A place in the order of what is due on a channel with a priority: that of a row. */
export type DuePlace = Pick<DueDelivery, "channel" | "priority" | "dueAt" | "id">;

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

/** The limits as the text of an array, in the order in which the statement reads them. Without burst limits it is shorter. */
function limitsColumn(room: LimitsNeeded): PlainArray {
  const { burst, typeBurst } = room;
  const fixed = [
    room.perMinute,
    room.perHour,
    room.perDay,
    room.gapMs,
    room.typePerMinute,
    room.typePerHour,
    room.typePerDay,
  ];
  if (burst === null && typeBurst === null) return plain(fixed, (needed) => needed);
  const bursts = [burst?.limit, burst?.windowMs, typeBurst?.limit, typeBurst?.windowMs];
  return plain([...fixed, ...bursts], (needed) => needed ?? null);
}

/** A message to hand over: a delivery, or the members of a group. */
export interface WantedMessage extends Versions {
  recipientId: string;
  /** The number of its type; 0 without one. */
  typeNumber: number;
  room: LimitsNeeded;
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
  settlement: Settlement | Released;
  /** Hand-overs so far, these included. */
  attemptCount: number;
  attempts: readonly Attempt[];
  /** It failed for whom it goes to: the address may be suppressed. */
  bounce?: Bounce;
}

/** A claim that was given up before anything was handed over: the row is again as it was read. */
interface Released {
  status: "pending";
  reason: Reason | null;
  dueAt: Date;
}

interface QueueOutlook {
  /** By channel when a claim would next find something; a channel without an entry has nothing that comes without a wake. */
  next: ReadonlyMap<Channel, NextDue>;
  /** Open rows of all channels, counted up to a bound. */
  open: number;
}

export interface NextDue {
  dueAt: Date;
  /** Why the earliest row waits, as in domain/delivery/reasons.ts; `interrupted` for a hand-over whose lease has to run out. */
  reason: string | null;
}

const nobody = "00000000-0000-0000-0000-000000000000";

function plain<Row>(rows: readonly Row[], value: (row: Row) => string | number | null): PlainArray {
  let text = "";
  for (const row of rows) text += text === "" ? (value(row) ?? "NULL") : `,${value(row) ?? "NULL"}`;
  return `{${text}}`;
}

export function createLedger(pool: Pool): Ledger {
  const execute = executeOn(pool);
  const executeForRows = executeForArrays(pool);

  return {
    async due({ after = [], ...input }) {
      const rows = await executeForRows(readDue, {
        ...input,
        afterChannels: after.map(({ channel }) => channel),
        afterPriorities: after.map(({ priority }) => priority),
        afterDueMs: after.map(({ dueAt }) => dueAt.getTime()),
        afterIds: after.map(({ id }) => id),
      });
      return rows.map(toDueDelivery);
    },

    async membersOf(input) {
      return (await executeForRows(readDueMembers, input)).map(toDueDelivery);
    },

    async decided(decisions) {
      if (decisions.length > 0) await execute(writeDecisions, decisionColumns(decisions));
    },

    async settleAndClaim({ settled, wanted, token, leaseMs, localAheadMs }) {
      const bounces = settled.flatMap(({ bounce }) => (bounce ? [bounce] : []));
      // Before the row says that it has ended: what a crash leaves in between is an address that is suppressed with its evidence.
      if (bounces.length > 0) await suppressUnknownAddresses(execute, bounces);
      const [row] = await execute(settleAndClaim, {
        ...settledColumns(settled, localAheadMs),
        ...attemptColumns(settled, localAheadMs),
        ...grantColumns(wanted),
        ...claimColumns(wanted),
        token,
        leaseMs,
      });
      // The turn is committed, and must not look as if it were not: what is missed here is counted with the next bounce.
      if (bounces.length > 0) await suppressRepeatedBounces(execute, bounces).catch(() => {});
      const { claimed, granted, grantedAtMs } = row!;
      return {
        claimed: new Set(claimed),
        granted: new Map(
          granted.map((recipientId, index) => [
            recipientId,
            { recipientId, at: grantedAtMs[index]! },
          ]),
        ),
      };
    },

    async confirm(rows) {
      const ids = rows.map(({ id }) => id);
      const tokens = rows.map(({ token }) => token);
      return new Set((await execute(confirmClaims, { ids, tokens })).map(({ id }) => id));
    },

    async giveBack(grants) {
      await execute(giveBackGrants, {
        recipientIds: grants.map(({ recipientId }) => recipientId),
        grantedAtMs: grants.map(({ at }) => at),
      });
    },

    async settle(settled) {
      await this.settleAndClaim({
        settled,
        wanted: [],
        token: nobody,
        leaseMs: 0,
        localAheadMs: 0,
      });
    },

    async renew({ rows, leaseMs }) {
      const ids = rows.map(({ id }) => id);
      const tokens = rows.map(({ token }) => token);
      await execute(renewLeases, { ids, tokens, leaseMs });
    },

    async outlook(queue) {
      const rows = await execute(readOutlook, { queue });
      return {
        open: rows[0]!.open,
        next: new Map(
          rows.flatMap(({ channel, dueAt, reason }) =>
            channel === null ? [] : [[channel, { dueAt, reason }]],
          ),
        ),
      };
    },
  };
}

const decisionColumns = (decisions: readonly Decided[]) => ({
  ids: decisions.map(({ id }) => id),
  readDueMs: decisions.map(({ readDueAt }) => readDueAt.getTime()),
  decidedMs: decisions.map(({ decidedAt }) => decidedAt.getTime()),
  dueMs: decisions.map(({ dueAt }) => dueAt?.getTime() ?? null),
  reasons: decisions.map(({ reason }) => reason),
  holdCounts: decisions.map(({ holdCount }) => holdCount),
  groupIds: decisions.map(({ groupId }) => groupId),
  policyVersions: decisions.map(({ policyVersion }) => policyVersion),
  typeVersions: decisions.map(({ typeVersion }) => typeVersion),
  preferencesVersions: decisions.map(({ preferencesVersion }) => preferencesVersion),
});

const settledColumns = (
  settled: readonly SettledDelivery[],
  localAheadMs: number,
): SettledColumns => ({
  settledIds: plain(settled, ({ id }) => id),
  settledTokens: plain(settled, ({ token }) => token),
  settledStatuses: plain(settled, ({ settlement }) => settlement.status),
  settledDueMs: plain(settled, ({ settlement }) =>
    settlement.status === "pending" ? settlement.dueAt.getTime() : null,
  ),
  settledReasons: plain(settled, ({ settlement }) => settlement.reason),
  settledDetails: settled.map(({ settlement }) =>
    "detail" in settlement ? settlement.detail : null,
  ),
  settledAttemptCounts: plain(settled, ({ attemptCount }) => attemptCount),
  lastProviders: settled.map((row) => lastAttempt(row)?.provider ?? null),
  lastOutcomes: plain(settled, (row) => lastAttempt(row)?.outcome ?? null),
  lastFailures: plain(settled, (row) => lastAttempt(row)?.failure ?? null),
  lastResponses: settled.map((row) => lastAttempt(row)?.response ?? null),
  lastStartedMs: plain(settled, (row) => msOf(lastAttempt(row)?.startedAt, localAheadMs)),
  lastFinishedMs: plain(settled, (row) => msOf(lastAttempt(row)?.finishedAt, localAheadMs)),
});

/** A worker's own instant as the ledger's clock has it, to the millisecond. */
const msOf = (instant: Date | undefined, localAheadMs: number): number | null =>
  instant === undefined ? null : Math.round(instant.getTime() - localAheadMs);

/** The attempt with which a delivery ended stands in its own row. */
const lastAttempt = ({ settlement, attempts }: SettledDelivery): Attempt | undefined =>
  settlement.status === "pending" ? undefined : attempts.at(-1);

/** All others. Attempts are numbered after those before them. */
function attemptColumns(settled: readonly SettledDelivery[], localAheadMs: number): AttemptColumns {
  const numbered = settled.flatMap(({ id, attemptCount, attempts, settlement }) =>
    (settlement.status === "pending" ? attempts : attempts.slice(0, -1)).map((attempt, index) => ({
      id,
      number: attemptCount - attempts.length + index + 1,
      attempt,
    })),
  );
  return {
    attemptDeliveryIds: plain(numbered, ({ id }) => id),
    attemptNumbers: plain(numbered, ({ number }) => number),
    attemptProviders: numbered.map(({ attempt }) => attempt.provider),
    attemptOutcomes: plain(numbered, ({ attempt }) => attempt.outcome),
    attemptFailures: plain(numbered, ({ attempt }) => attempt.failure),
    attemptResponses: numbered.map(({ attempt }) => attempt.response),
    attemptStartedMs: plain(numbered, ({ attempt }) => msOf(attempt.startedAt, localAheadMs)),
    attemptFinishedMs: plain(numbered, ({ attempt }) => msOf(attempt.finishedAt, localAheadMs)),
  };
}

const grantColumns = (wanted: readonly WantedMessage[]): GrantColumns => ({
  recipientIds: plain(wanted, ({ recipientId }) => recipientId),
  typeNumbers: plain(wanted, ({ typeNumber }) => typeNumber),
  roomsNeeded: wanted.map(({ room }) => limitsColumn(room)),
});

function claimColumns(wanted: readonly WantedMessage[]): ClaimColumns {
  const claims = wanted.flatMap((message) =>
    message.items.map(({ delivery, source }) => ({ delivery, source, message })),
  );
  return {
    claimIds: plain(claims, ({ delivery }) => delivery.id),
    claimAttemptCounts: plain(claims, ({ delivery }) => delivery.attemptCount),
    claimRevisions: plain(claims, ({ source }) => source.revision),
    claimRecipientIds: plain(claims, ({ message }) => message.recipientId),
    claimPolicyVersions: plain(claims, ({ message }) => message.policyVersion),
    claimTypeVersions: plain(claims, ({ message }) => message.typeVersion),
    claimPreferencesVersions: plain(claims, ({ message }) => message.preferencesVersion),
  };
}
