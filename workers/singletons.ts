import type { Client } from "@temporalio/client";
import { eventsWorkflowId, relayWorkflowId, taskQueues } from "../workflows/names.ts";

/** Starts the relay of the namespace, unless it runs already. */
export async function ensureRelay(client: Client): Promise<void> {
  await client.workflow.start("relay", {
    workflowId: relayWorkflowId,
    taskQueue: taskQueues.orchestration,
    workflowIdConflictPolicy: "USE_EXISTING",
    staticSummary: "Wakes workflows that should run by the ledger and do not",
    staticDetails: "Runs forever, as a series of activities of some minutes each.",
  });
}

/** Starts the publisher of events of the namespace, unless it runs already. */
export async function ensureEvents(client: Client): Promise<void> {
  await client.workflow.start("events", {
    workflowId: eventsWorkflowId,
    taskQueue: taskQueues.orchestration,
    workflowIdConflictPolicy: "USE_EXISTING",
    staticSummary: "Sends events to the configured receiver and to webhook endpoints",
    staticDetails:
      "Runs forever, as a series of activities of some minutes each. `EVENTS_URL` of the workers names the receiver, and `/v1/webhook-endpoints` lists the endpoints.",
  });
}
