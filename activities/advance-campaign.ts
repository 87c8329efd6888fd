import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { laneNames, shardNames } from "../domain/delivery/queues.ts";
import { parsePublicId } from "../domain/ids.ts";
import {
  cancelCampaignDeliveries,
  type CampaignQueues,
  type CampaignRow,
  completeCampaign,
  finishCampaign,
  lookRows,
  type OutsideLanes,
  readCampaign,
  readOpenLanes,
  readOutsideLanes,
  reprioritiseCampaign,
} from "../ledger/campaign-rows.ts";
import { readCampaignCounts } from "../ledger/campaign-counts.ts";
import { executeOn } from "../ledger/sql.ts";
import { freezeAudience } from "../ledger/freeze-audience.ts";
import { invalidInput } from "./failures.ts";

export interface AdvanceCampaignInput {
  /** The public id. */
  campaignId: string;
  /** The API request that last woke the campaign, for the log. */
  requestId?: string;
}

/** The next step of a campaign's workflow. Instants are ISO 8601. */
export type CampaignStep =
  | {
      next: "wait";
      why: string;
      /**
       * `until` is for operators. The workflow waits for `waitMs`, since Temporal's clock may differ from the ledger's. Both are
       * null if it waits for a signal.
       */
      until: string | null;
      waitMs: number | null;
    }
  | { next: "drain"; lanes: number[] }
  | {
      next: "finished";
      status: "completed" | "cancelled";
      audience: number;
      counts: Record<string, number>;
      reconciled: boolean;
    };

const heartbeatMs = 5_000;
/**
 * If rows wait outside the lanes, the ledger is asked again when the first of them should have been sent, and at most this
 * often. The relay notices campaigns that have nothing left to do.
 */
const recheckMs = 30_000;
const sentWithinMs = 5_000;
/**
 * Advances a campaign as far as the ledger allows, and returns what to wait for. It freezes the audience at its time, cancels
 * the open rows of a campaign that was cancelled or recalled, and completes a campaign that owes nothing more. Each step is one
 * transaction, which a retry finds done. Rows that policy merges leave the lanes for their recipients' mailboxes and for
 * digests, and still belong to the campaign: their queues are woken if rows in them are due.
 */
export function createAdvanceCampaign({
  pool,
  mailboxShards,
  wake,
}: {
  pool: Pool;
  mailboxShards: number;
  /** Starts the workflow of a queue, or makes it look again. */
  wake: (queue: string) => Promise<void>;
}) {
  return async function advanceCampaign({
    campaignId,
  }: AdvanceCampaignInput): Promise<CampaignStep> {
    const id = parsePublicId("campaign", campaignId);
    if (id === null) throw invalidInput(`this is not a campaign id: ${campaignId}`);
    const context = Context.current();
    const beating = setInterval(() => context.heartbeat(), heartbeatMs);
    try {
      for (;;) {
        const row = await readCampaign(pool, id);
        if (!row) throw invalidInput(`there is no campaign ${campaignId}`);
        const queues: CampaignQueues = {
          id,
          lanes: laneNames(campaignId, row.laneCount),
          mailboxes: shardNames("mailbox", mailboxShards),
        };
        switch (row.status) {
          case "draft":
            return { next: "wait", why: "A draft", until: null, waitMs: null };
          case "paused":
            return { next: "wait", why: "Paused", until: null, waitMs: null };
          case "scheduled": {
            if (row.startAt === null)
              return {
                next: "wait",
                why: "Scheduled without an instant",
                until: null,
                waitMs: null,
              };
            if (row.startAt > row.now) return waitUntil("Scheduled", row.startAt, row.now);
            await freezeAudience(pool, id, campaignId);
            break;
          }
          case "running": {
            await reprioritiseCampaign(pool, queues);
            const outside = await readOutsideLanes(pool, id);
            await Promise.all(outside.dueQueues.map(wake));
            const open = await readOpenLanes(pool, queues.lanes);
            if (open.length > 0) return { next: "drain", lanes: open };
            if (outside.nextDueAt) return waitFor(outside, row.now);
            await completeCampaign(pool, queues);
            break;
          }
          case "cancelled": {
            const leasedUntil =
              row.frozenAt === null ? null : await cancelCampaignDeliveries(pool, queues);
            if (leasedUntil) return waitForHandOvers("Cancelled", leasedUntil, row.now);
            await finishCampaign(pool, id);
            return reconcile(pool, row, "cancelled");
          }
          case "completed": {
            // Snoozed messages of a recalled campaign are not sent again.
            const leasedUntil =
              row.recalledAt === null ? null : await cancelCampaignDeliveries(pool, queues);
            if (leasedUntil) return waitForHandOvers("Recalled", leasedUntil, row.now);
            return reconcile(pool, row, "completed");
          }
        }
      }
    } finally {
      clearInterval(beating);
    }
  };
}

const waitUntil = (why: string, until: Date, now: Date): CampaignStep => ({
  next: "wait",
  why,
  until: until.toISOString(),
  waitMs: Math.max(1, until.getTime() - now.getTime()),
});

const waitForHandOvers = (over: string, until: Date, now: Date): CampaignStep =>
  waitUntil(`${over}; waiting for messages that are being handed over`, until, now);

const waitFor = ({ open, nextDueAt }: OutsideLanes, now: Date): CampaignStep =>
  waitUntil(
    `${open < lookRows ? open : `At least ${open}`} ${open === 1 ? "waits" : "wait"} in batches, digests and mailboxes`,
    new Date(Math.max(nextDueAt!.getTime() + sentWithinMs, now.getTime() + recheckMs)),
    now,
  );

/** The ledger's counts of a campaign that is over, in one snapshot. They include rows that retention has removed. */
async function reconcile(
  pool: Pool,
  row: CampaignRow,
  status: "completed" | "cancelled",
): Promise<CampaignStep> {
  const counts = await readCampaignCounts(executeOn(pool), row.id);
  const audience = row.audienceCount ?? 0;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return {
    next: "finished",
    status,
    audience,
    counts: Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    reconciled: total === audience && counts.pending + counts.sending === 0,
  };
}
