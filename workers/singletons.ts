import type { Client } from "@temporalio/client";
import { eventsWorkflowId, relayWorkflowId, taskQueues } from "../workflows/names.ts";

/** One runs in a namespace; whoever comes later finds it there. */
export async function ensureRelay(client: Client): Promise<void> {
  await client.workflow.start("relay", {
    workflowId: relayWorkflowId,
    taskQueue: taskQueues.orchestration,
    workflowIdConflictPolicy: "USE_EXISTING",
    staticSummary: "Wakes what the ledger says should be running and is not",
  });
}

/** As the relay. */
export async function ensureEvents(client: Client): Promise<void> {
  await client.workflow.start("events", {
    workflowId: eventsWorkflowId,
    taskQueue: taskQueues.orchestration,
    workflowIdConflictPolicy: "USE_EXISTING",
    staticSummary: "Tells the outside what recipients did",
  });
}
