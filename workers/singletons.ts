import type { Client } from "@temporalio/client";
import { eventsWorkflowId, relayWorkflowId, taskQueues } from "../workflows/names.ts";

/** One runs in a namespace; whoever comes later finds it there. */
export async function ensureRelay(client: Client): Promise<void> {
  await client.workflow.start("relay", {
    workflowId: relayWorkflowId,
    taskQueue: taskQueues.orchestration,
    workflowIdConflictPolicy: "USE_EXISTING",
    staticSummary: "Wakes what the ledger says should be running and is not",
    staticDetails: "Runs for ever, in one activity after the other of some minutes each.",
  });
}

/** As the relay. */
export async function ensureEvents(client: Client): Promise<void> {
  await client.workflow.start("events", {
    workflowId: eventsWorkflowId,
    taskQueue: taskQueues.orchestration,
    workflowIdConflictPolicy: "USE_EXISTING",
    staticSummary: "Tells the outside what recipients did",
    staticDetails:
      "Runs for ever, in one activity after the other of some minutes each. To whom: `EVENTS_URL` of the workers.",
  });
}
