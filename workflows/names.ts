import { defineSearchAttributeKey, SearchAttributeType } from "@temporalio/common";
import type { ResealValuesInput } from "../activities/reseal-values.ts";
import type { RetentionTable } from "../domain/retention.ts";
import { searchAttributeNames } from "../domain/search-attributes.ts";
import type { Wake } from "./signals.ts";

/** Task queues. Names never change once released, since running workflows and deployed workers use them. */
export const taskQueues = {
  /** Workflow tasks, and the activities that advance campaigns. */
  orchestration: "orchestration",
  delivery: "delivery",
  /** Has its own slots and connections, so that nothing queues before a critical message. */
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

/** Search attributes, which are registered with the server before any workflow starts (config/temporal.ts). */
export const searchAttributes = {
  campaign: defineSearchAttributeKey(searchAttributeNames.campaign, SearchAttributeType.KEYWORD),
  queue: defineSearchAttributeKey(searchAttributeNames.queue, SearchAttributeType.KEYWORD),
} as const;

/** The input of a queue's workflow. A `requestId` is that of the wake of the previous run. */
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

/** The id of the Schedule of maintenance, and the prefix of its runs' ids, to which Temporal adds the instant. */
export const maintenanceId = "maintenance";

/** The id of the Schedule of digests, and the prefix of its runs' ids. */
export const digestId = "digest";

/** The input of maintenance: empty at the start. The fields are for a run that continues as new. */
export interface MaintenanceInput {
  /** The instant of the ledger's clock at which retention is judged, in ISO 8601. */
  asOf?: string;
  table?: RetentionTable;
  after?: string | null;
  removed?: Partial<Record<RetentionTable, number>>;
  /** Where sealing again continues. All tables have been cleaned by then. */
  reseal?: NonNullable<ResealValuesInput["after"]>;
}
