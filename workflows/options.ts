import { TypedSearchAttributes } from "@temporalio/common";
import { parseQueueName } from "../domain/delivery/queues.ts";
import { describeQueue } from "./descriptions.ts";
import {
  campaignWorkflowId,
  type DeliveryQueueInput,
  digestId,
  maintenanceId,
  type MaintenanceInput,
  priorityKeys,
  searchAttributes,
  taskQueues,
} from "./names.ts";
import { type Wake } from "./signals.ts";

/** How a queue's workflow runs, whoever starts it: the API, the relay, or a campaign its lane. */
export function deliveryQueueOptions(queue: string, wake: Wake = {}) {
  const parsed = parseQueueName(queue);
  const campaign = parsed.kind === "lane" ? parsed.campaignId : undefined;
  return {
    workflowId: queue,
    taskQueue: taskQueues.orchestration,
    args: [{ queue, ...wake }] as [DeliveryQueueInput],
    priority: {
      priorityKey: priorityKeys[parsed.kind === "lane" ? "campaign" : parsed.kind],
      ...(campaign && { fairnessKey: campaign }),
    },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: searchAttributes.queue, value: queue },
      ...(campaign ? [{ key: searchAttributes.campaign, value: campaign }] : []),
    ]),
    staticSummary: describeQueue(parsed),
  };
}

/** How a campaign's workflow runs, whoever starts it: the API or the relay. */
export function campaignOptions(campaignId: string) {
  return {
    workflowId: campaignWorkflowId(campaignId),
    taskQueue: taskQueues.orchestration,
    args: [{ campaignId }] as [{ campaignId: string }],
    priority: { priorityKey: priorityKeys.campaign },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: searchAttributes.campaign, value: campaignId },
    ]),
    staticSummary: `Campaign ${campaignId}`,
    staticDetails: `What it owes, to whom and what became of it is in the ledger: \`GET /v1/campaigns/${campaignId}\`. Its messages are sent by the queues \`campaign/${campaignId}/lane/…\`.`,
  };
}

/** How maintenance runs when its Schedule starts it. */
export function maintenanceOptions() {
  return {
    workflowId: maintenanceId,
    taskQueue: taskQueues.orchestration,
    args: [{}] as [MaintenanceInput],
    priority: { priorityKey: priorityKeys.maintenance },
    staticSummary: "Removes what is past its retention",
    staticDetails:
      "Daily, by its Schedule. How long what is kept: `RETENTION_…_DAYS` of the workers.",
  };
}

/** How a run of digests runs when its Schedule starts it. */
export function digestOptions() {
  return {
    workflowId: digestId,
    taskQueue: taskQueues.orchestration,
    priority: { priorityKey: priorityKeys.digest },
    staticSummary: "Has the digests sent whose time has come",
    staticDetails:
      "Every quarter of an hour, by its Schedule. What a run left undone, the next one does.",
  };
}
