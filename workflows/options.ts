import { TypedSearchAttributes } from "@temporalio/common";
import { parseQueueName, type Queue } from "../domain/delivery/queues.ts";
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
    staticSummary: summaryOf(parsed),
  };
}

function summaryOf(queue: Queue): string {
  switch (queue.kind) {
    case "lane":
      return `Lane ${queue.lane} of campaign ${queue.campaignId}`;
    case "critical":
      return `Critical notifications, shard ${queue.shard}`;
    case "mailbox":
      return `Notifications, shard ${queue.shard}`;
    case "digest":
      return `Digests, lane ${queue.lane}`;
  }
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
  };
}

/** How a run of digests runs when its Schedule starts it. */
export function digestOptions() {
  return {
    workflowId: digestId,
    taskQueue: taskQueues.orchestration,
    priority: { priorityKey: priorityKeys.digest },
    staticSummary: "Has the digests sent whose time has come",
  };
}
