import { defineSearchAttributeKey, SearchAttributeType } from "@temporalio/common";
import type { RetentionTable } from "../domain/retention.ts";
import { searchAttributeNames } from "../domain/search-attributes.ts";
import type { Wake } from "./signals.ts";

/** Task queues. Names never change once landed: running workflows and deployed workers hold them. */
export const taskQueues = {
  /** Workflow tasks, and the activities that move a campaign on. */
  orchestration: "orchestration",
  delivery: "delivery",
  /** Own slots and own connections: nothing queues before a critical message. */
  deliveryCritical: "delivery-critical",
} as const;

/** Temporal's priority keys: a lower one is served first. */
export const priorityKeys = {
  critical: 1,
  mailbox: 2,
  digest: 3,
  campaign: 4,
  maintenance: 5,
} as const;

/** Registered with the server before anything starts: see config/temporal.ts. */
export const searchAttributes = {
  campaign: defineSearchAttributeKey(searchAttributeNames.campaign, SearchAttributeType.KEYWORD),
  queue: defineSearchAttributeKey(searchAttributeNames.queue, SearchAttributeType.KEYWORD),
} as const;

/** `requestId`, here as below: what the run before had been woken for. */
export interface DeliveryQueueInput extends Wake {
  queue: string;
}

export interface CampaignInput extends Wake {
  /** The public id. */
  campaignId: string;
}

export const campaignWorkflowId = (campaignId: string) => `campaign/${campaignId}`;

export const relayWorkflowId = "relay";

export const eventsWorkflowId = "events";

/** Of the Schedule, and the beginning of its runs' ids: Temporal adds the instant. */
export const maintenanceId = "maintenance";

/** Of the Schedule of digests, likewise. */
export const digestId = "digest";

/** Nothing at the start; the rest is where a run that continues as new goes on. */
export interface MaintenanceInput {
  /** ISO 8601: what is past its retention is so at this instant of the ledger's clock. */
  asOf?: string;
  table?: RetentionTable;
  after?: string | null;
  removed?: Partial<Record<RetentionTable, number>>;
}
