import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import type { LimitsNeeded } from "../domain/policy/limits.ts";
import type { Attempt } from "../domain/delivery/attempt.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { Settlement } from "../domain/delivery/settle.ts";
import { type CopyOutcomes, recordCopies } from "./notification-emails.ts";
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
 * The ledger as workers use it: set-based statements over open and ended deliveries and their attempts, each in its own transaction. Due
 * rows are read without being changed. The claim is the compare-and-set that marks a row as `sending` just before it is handed over, under
 * a token and a lease. From then on only the holder of that token writes the row (docs/decisions/0001).
 *
 * All instants are read from PostgreSQL's clock (`ledger_now()` in the migrations), so the clocks of workers and of Temporal need not agree.
 */
export interface Ledger {
  /**
   * Reads up to `limit` rows of the queue that are due on one of the channels, or whose hand-over was interrupted, the most urgent first.
   * It leaves out the rows in `except` and those up to the positions in `after`. It returns none while the queue's campaign is not running.
   */
  due(input: {
    queue: string;
    channels: readonly Channel[];
    limit: number;
    except: readonly string[];
    after?: readonly DuePlace[];
  }): Promise<DueDelivery[]>;
  /** Reads all due members of groups except those in `except`. Their number is not limited, because a group is sent as a whole. */
  membersOf(input: {
    groups: readonly string[];
    except: readonly string[];
  }): Promise<DueDelivery[]>;
  /**
   * Writes decisions that need no hand-over. Rows that have changed since they were read are left alone, and are decided
   * again.
   */
  decided(decisions: readonly Decided[]): Promise<void>;
  /**
   * Settles messages that ended and claims the next ones, in one statement: a turn.
   *
   * `settled` are the outcomes of rows, with their attempts; their leases end. A row whose token has changed is left to its new holder,
   * whose first attempt says that this one was interrupted. `wanted` are the messages to claim under `token` for `leaseMs`. Each needs a
   * grant of its recipient's limits. The result lacks rows that another worker claimed, that are no longer due (cancelled, paused, held),
   * that were attempted since they were read, whose campaign was edited since, or whose recipient's limits have no room. The messages of
   * one turn must be for different recipients. Addresses at which messages bounced are suppressed by the rules of bounces.ts.
   * `localAheadMs` says how far the worker's clock, which gives the instants of attempts, is ahead of the ledger's.
   */
  settleAndClaim(input: {
    settled: readonly SettledDelivery[];
    wanted: readonly WantedMessage[];
    token: string;
    leaseMs: number;
    localAheadMs: number;
  }): Promise<SettledAndClaimed>;
  /** Settles messages without claiming any. */
  settle(settled: readonly SettledDelivery[]): Promise<void>;
  /** Returns the claimed rows that still have their token and may be handed over as claimed: their campaign was not stopped or edited. */
  confirm(rows: readonly LeasedRow[]): Promise<Set<string>>;
  /** Removes grants for which no message was sent, so that they no longer count towards any limit. */
  giveBack(grants: readonly RateGrant[]): Promise<void>;
  /** Extends leases to `leaseMs` from now. */
  renew(input: { rows: readonly LeasedRow[]; leaseMs: number }): Promise<void>;
  /** Reads when `due` would next find a row on each channel, and how many rows of the queue are open. */
  outlook(queue: string): Promise<QueueOutlook>;
}

/** The position of a row among the due rows of its channel and priority. */
export type DuePlace = Pick<DueDelivery, "channel" | "priority" | "dueAt" | "id">;

/** The versions of the rules and preferences by which a row was decided. Explanations use them. */
export interface Versions {
  policyVersion: number;
  typeVersion: number | null;
  preferencesVersion: number;
}

/** A decision that needs no hand-over: the row waits, or it has ended. */
export interface Decided extends Versions {
  id: string;
  /** The due time that was read. A row whose due time has changed since then is not written. */
  readDueAt: Date;
  decidedAt: Date;
  reason: Reason;
  /** When the row is due again; null if it is suppressed. */
  dueAt: Date | null;
  holdCount: number;
  groupId: string | null;
  /** The channel on which it goes on; without it, it keeps its channel. */
  channel?: Channel;
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
  /** The number of the message's type; 0 if it has none. */
  typeNumber: number;
  /** Null if the message does not count towards limits: it then needs no grant. */
  room: LimitsNeeded | null;
  /** The rows of the message, and the revision of the campaign that would be sent. */
  items: readonly {
    delivery: Pick<DueDelivery, "id" | "attemptCount" | "channel">;
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
  /** The ids of the rows that this worker holds until the lease ends. */
  claimed: Set<string>;
  /** The grants by recipient, including those with which no row was claimed. */
  granted: ReadonlyMap<string, RateGrant>;
}

export interface SettledDelivery extends LeasedRow {
  /** The channel of the attempts. */
  channel: Channel;
  settlement: Settlement | Released;
  /** The number of hand-overs so far, including these attempts. */
  attemptCount: number;
  attempts: readonly Attempt[];
  /** Set if the delivery failed because of its address, which may then be suppressed. */
  bounce?: Bounce;
  /** What became of the copies of an email. */
  copies?: CopyOutcomes;
}

/** A claim that was given up before a hand-over. The row gets back the state in which it was read. */
interface Released {
  status: "pending";
  reason: Reason | null;
  dueAt: Date;
}

interface QueueOutlook {
  /** The next due time by channel. A channel without an entry has no row that becomes due without a wake. */
  next: ReadonlyMap<Channel, NextDue>;
  /** The number of open rows of all channels, counted up to a maximum. */
  open: number;
}

export interface NextDue {
  dueAt: Date;
  /** Why the earliest row waits, as in domain/delivery/reasons.ts; `interrupted` for a hand-over whose lease has to expire first. */
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
      // The address is suppressed before its row ends, so that a crash in between loses no suppression.
      if (bounces.length > 0) await suppressUnknownAddresses(execute, bounces);
      const copies = settled.flatMap((one) => one.copies ?? []);
      // Likewise, so that no copy seems never to have been sent.
      if (copies.length > 0) await recordCopies(execute, copies);
      const [row] = await execute(settleAndClaim, {
        ...settledColumns(settled, localAheadMs),
        ...attemptColumns(settled, localAheadMs),
        ...grantColumns(wanted),
        ...claimColumns(wanted),
        token,
        leaseMs,
      });
      // The turn is already committed, so an error here must not make it look failed. The next bounce counts this one too.
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
  channels: decisions.map(({ channel }) => channel ?? null),
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
  nextChannels: plain(settled, ({ settlement }) =>
    settlement.reason === "next_channel" && "channel" in settlement ? settlement.channel : null,
  ),
  lastProviders: settled.map((row) => lastAttempt(row)?.provider ?? null),
  lastOutcomes: plain(settled, (row) => lastAttempt(row)?.outcome ?? null),
  lastFailures: plain(settled, (row) => lastAttempt(row)?.failure ?? null),
  lastResponses: settled.map((row) => lastAttempt(row)?.response ?? null),
  lastStartedMs: plain(settled, (row) => msOf(lastAttempt(row)?.startedAt, localAheadMs)),
  lastFinishedMs: plain(settled, (row) => msOf(lastAttempt(row)?.finishedAt, localAheadMs)),
});

/** Converts an instant of the worker's clock to one of the ledger's clock, in epoch milliseconds. */
const msOf = (instant: Date | undefined, localAheadMs: number): number | null =>
  instant === undefined ? null : Math.round(instant.getTime() - localAheadMs);

/** The attempt that ended the delivery, which is written to the delivery's row; undefined if the delivery is pending. */
const lastAttempt = ({ settlement, attempts }: SettledDelivery): Attempt | undefined =>
  settlement.status === "pending" ? undefined : attempts.at(-1);

/** The columns of all other attempts. They are numbered in the order of the delivery's attempts, from 1. */
function attemptColumns(settled: readonly SettledDelivery[], localAheadMs: number): AttemptColumns {
  const numbered = settled.flatMap(({ id, channel, attemptCount, attempts, settlement }) =>
    (settlement.status === "pending" ? attempts : attempts.slice(0, -1)).map((attempt, index) => ({
      id,
      channel,
      number: attemptCount - attempts.length + index + 1,
      attempt,
    })),
  );
  return {
    attemptDeliveryIds: plain(numbered, ({ id }) => id),
    attemptNumbers: plain(numbered, ({ number }) => number),
    attemptChannels: plain(numbered, ({ channel }) => channel),
    attemptProviders: numbered.map(({ attempt }) => attempt.provider),
    attemptOutcomes: plain(numbered, ({ attempt }) => attempt.outcome),
    attemptFailures: plain(numbered, ({ attempt }) => attempt.failure),
    attemptResponses: numbered.map(({ attempt }) => attempt.response),
    attemptStartedMs: plain(numbered, ({ attempt }) => msOf(attempt.startedAt, localAheadMs)),
    attemptFinishedMs: plain(numbered, ({ attempt }) => msOf(attempt.finishedAt, localAheadMs)),
  };
}

function grantColumns(wanted: readonly WantedMessage[]): GrantColumns {
  const limited = wanted.filter(({ room }) => room !== null);
  return {
    recipientIds: plain(limited, ({ recipientId }) => recipientId),
    typeNumbers: plain(limited, ({ typeNumber }) => typeNumber),
    roomsNeeded: limited.map(({ room }) => limitsColumn(room!)),
  };
}

function claimColumns(wanted: readonly WantedMessage[]): ClaimColumns {
  const claims = wanted.flatMap((message) =>
    message.items.map(({ delivery, source }) => ({ delivery, source, message })),
  );
  return {
    claimIds: plain(claims, ({ delivery }) => delivery.id),
    claimAttemptCounts: plain(claims, ({ delivery }) => delivery.attemptCount),
    claimRevisions: plain(claims, ({ source }) => source.revision),
    claimRecipientIds: plain(claims, ({ message: { recipientId, room } }) => room && recipientId),
    claimChannels: plain(claims, ({ delivery }) => delivery.channel),
    claimPolicyVersions: plain(claims, ({ message }) => message.policyVersion),
    claimTypeVersions: plain(claims, ({ message }) => message.typeVersion),
    claimPreferencesVersions: plain(claims, ({ message }) => message.preferencesVersion),
  };
}
