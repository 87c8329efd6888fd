import type { DeliveryStatus } from "../domain/delivery/status.ts";
import { stageOfLeg } from "../domain/policy/route.ts";
import type { Priority } from "../domain/priority.ts";
import { lockSources, reopenCampaigns } from "./reopening.ts";
import { defineStatement, type Execute } from "./sql.ts";
import {
  cancelDeliveries,
  type ChangedRow,
  reprioritiseDeliveries,
  retryDeliveries,
  sendDeliveriesNow,
} from "./transitions.ts";

/** The changes that an operator may make to deliveries. */
export type DeliveryChange =
  /** `templateVersion`: a version number of each delivery's own template; null for the current version. */
  | { action: "retry"; includeUnknown: boolean; templateVersion: number | null }
  | { action: "cancel" }
  | { action: "send" }
  | { action: "reprioritise"; priority: Priority };

type RetryChange = Extract<DeliveryChange, { action: "retry" }>;

/** The changes of waiting deliveries. */
type WaitingChange = Exclude<DeliveryChange, RetryChange>;

/** Why a delivery was not changed. */
export type SkipReason =
  | "notFound"
  | "notFailed"
  | "noSuchVersion"
  | "campaignCancelled"
  | "recipientErased"
  | "notPending"
  /** It is being handed over or decided at this moment. */
  | "sending"
  | "campaignNotRunning"
  | "ofCampaign"
  | "samePriority";

export type Skipped = Partial<Record<SkipReason, number>>;

/** The result of a change of several deliveries. */
export interface ChangeOutcome {
  changed: ChangedRow[];
  skipped: Skipped;
  /** The number of completed campaigns that the change has reopened. */
  reopened: number;
}

interface Candidate {
  id: string;
  campaignId: string | null;
  recipientId: string;
  leg: string;
  status: DeliveryStatus;
  priority: Priority;
  groupId: string | null;
}

interface Shards {
  mailboxShards: number;
}

/** The statuses in which a change applies to deliveries. */
export const statusesFor = (change: DeliveryChange): DeliveryStatus[] =>
  change.action === "retry" ? retriedStatuses(change) : ["pending", "sending"];

const retriedStatuses = ({ includeUnknown }: RetryChange): ("failed" | "unknown")[] =>
  includeUnknown ? ["failed", "unknown"] : ["failed"];

const candidatesStatement = defineStatement<{ ids: readonly string[] }, Candidate>(
  `SELECT id, campaign_id AS "campaignId", recipient_id AS "recipientId", leg, status, priority, group_id AS "groupId"
   FROM deliveries WHERE id = ANY(:ids::uuid[])`,
);

/** Changes those of the deliveries that can be changed, within the transaction of `execute`. */
export async function applyOperatorChange(
  execute: Execute,
  change: DeliveryChange,
  ids: readonly string[],
  shards: Shards,
): Promise<ChangeOutcome> {
  const candidates = await execute(candidatesStatement, { ids });
  const notFound = ids.length - candidates.length;
  const outcome =
    change.action === "retry"
      ? await retry(execute, change, candidates)
      : await changeWaiting(execute, change, candidates, shards);
  return { ...outcome, skipped: addSkipped(outcome.skipped, { notFound }) };
}

async function retry(
  execute: Execute,
  change: RetryChange,
  candidates: readonly Candidate[],
): Promise<ChangeOutcome> {
  const statuses = retriedStatuses(change);
  const eligible = candidates.filter(({ status }) =>
    (statuses as readonly DeliveryStatus[]).includes(status),
  );
  const { isOver, isAlive } = await lockSources(execute, eligible);
  const alive = eligible.filter((candidate) => !isOver(candidate));
  const remaining = alive.filter(isAlive);
  const versioned = await resolveVersions(execute, remaining, change.templateVersion);
  const changed = await retryDeliveries(execute, versioned, statuses);
  const reopened = await reopenCampaigns(execute, changed);
  return {
    changed,
    skipped: {
      // A concurrent transaction may have retried some of them already.
      notFailed: candidates.length - eligible.length + (versioned.length - changed.length),
      noSuchVersion: remaining.length - versioned.length,
      campaignCancelled: eligible.length - alive.length,
      recipientErased: alive.length - remaining.length,
    },
    reopened,
  };
}

const versionsStatement = defineStatement<
  { ids: readonly string[]; version: number },
  { id: string; versionId: string }
>(
  `SELECT d.id, named.id AS "versionId"
   FROM deliveries d LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id
     JOIN template_versions bound ON bound.id = coalesce(n.template_version_id, c.template_version_id)
     JOIN template_versions named ON named.template_id = bound.template_id AND named.version = :version::int
   WHERE d.id = ANY(:ids::uuid[])`,
);

/** The deliveries whose template has the version, with the UUID of that version. Without a version number, all deliveries without a UUID. */
async function resolveVersions(
  execute: Execute,
  deliveries: readonly Candidate[],
  version: number | null,
): Promise<(Candidate & { versionId: string | null })[]> {
  if (version === null) return deliveries.map((delivery) => ({ ...delivery, versionId: null }));
  const ids = deliveries.map(({ id }) => id);
  const found = new Map(
    (await execute(versionsStatement, { ids, version })).map(({ id, versionId }) => [
      id,
      versionId,
    ]),
  );
  return deliveries.flatMap((delivery) => {
    const versionId = found.get(delivery.id);
    return versionId === undefined ? [] : [{ ...delivery, versionId }];
  });
}

/** A locked row is skipped, and counted as `sending`. */
async function changeWaiting(
  execute: Execute,
  change: WaitingChange,
  candidates: readonly Candidate[],
  shards: Shards,
): Promise<ChangeOutcome> {
  const open = candidates.filter(({ status }) => status === "pending" || status === "sending");
  const { wanted, skipped } = await selectChangeable(execute, change, open);
  const changed = await applyToWaiting(execute, change, wanted, shards);
  return {
    changed,
    skipped: {
      ...skipped,
      notPending: candidates.length - open.length,
      sending: wanted.length - changed.length,
    },
    reopened: 0,
  };
}

function applyToWaiting(
  execute: Execute,
  change: WaitingChange,
  wanted: readonly Candidate[],
  shards: Shards,
): Promise<ChangedRow[]> {
  switch (change.action) {
    case "cancel":
      return cancelDeliveries(execute, wanted, "delivery_cancelled");
    case "send":
      return sendDeliveriesNow(execute, wanted, shards);
    case "reprioritise":
      return reprioritiseDeliveries(execute, wanted, change.priority, shards);
  }
}

const runningCampaignsStatement = defineStatement<{ ids: readonly string[] }, { id: string }>(
  "SELECT id FROM campaigns WHERE id = ANY(:ids::uuid[]) AND status = 'running'",
);

/** Selects the open deliveries to which a change applies, locked or not, and counts the others by reason. */
async function selectChangeable(
  execute: Execute,
  change: WaitingChange,
  open: readonly Candidate[],
): Promise<{ wanted: readonly Candidate[]; skipped: Skipped }> {
  switch (change.action) {
    case "cancel":
      return { wanted: open, skipped: {} };
    case "send": {
      const ids = distinct(open.map(({ campaignId }) => campaignId));
      const running = idsOf(await execute(runningCampaignsStatement, { ids }));
      // A snoozed message is sent whatever the state of its campaign.
      const wanted = open.filter(
        ({ campaignId, leg }) =>
          campaignId === null || stageOfLeg(leg) === null || running.has(campaignId),
      );
      return { wanted, skipped: { campaignNotRunning: open.length - wanted.length } };
    }
    case "reprioritise": {
      // Deliveries of campaigns have the priority of their campaign, which would overwrite this change.
      const own = open.filter(({ campaignId }) => campaignId === null);
      const wanted = own.filter(({ priority }) => priority !== change.priority);
      return {
        wanted,
        skipped: {
          ofCampaign: open.length - own.length,
          samePriority: own.length - wanted.length,
        },
      };
    }
  }
}

/** Adds two counts by reason. */
export function addSkipped(a: Skipped, b: Skipped): Skipped {
  const sum = { ...a };
  for (const [reason, count] of Object.entries(b) as [SkipReason, number][])
    sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}

const distinct = (values: readonly (string | null)[]): string[] => [
  ...new Set(values.filter((value) => value !== null)),
];

const idsOf = (rows: readonly { id: string }[]) => new Set(rows.map(({ id }) => id));
