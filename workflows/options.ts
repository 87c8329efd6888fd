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

/** The options of a queue's workflow. They are the same for every starter: the API, the relay, or the campaign of a lane. */
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

/** The options of a campaign's workflow. They are the same for every starter: the API or the relay. */
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
    staticDetails: `The ledger contains its deliveries and their outcomes: \`GET /v1/campaigns/${campaignId}\`. The queues \`campaign/${campaignId}/lane/…\` send its messages.`,
  };
}

/** The options of maintenance, which its Schedule starts. */
export function maintenanceOptions() {
  return {
    workflowId: maintenanceId,
    taskQueue: taskQueues.orchestration,
    args: [{}] as [MaintenanceInput],
    priority: { priorityKey: priorityKeys.maintenance },
    staticSummary: "Removes rows whose retention has ended, and seals values with new keys",
    staticDetails:
      "Started daily by its Schedule. `RETENTION_…_DAYS` of the workers set the retention, and `SEALING_KEYS` the keys.",
  };
}

/** The options of a run of digests, which its Schedule starts. */
export function digestOptions() {
  return {
    workflowId: digestId,
    taskQueue: taskQueues.orchestration,
    priority: { priorityKey: priorityKeys.digest },
    staticSummary: "Sends due digests",
    staticDetails:
      "Started every quarter of an hour by its Schedule. The next run does what a run leaves undone.",
  };
}
