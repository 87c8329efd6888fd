import { setTimeout as sleep } from "node:timers/promises";
import { temporalClient } from "../config/temporal.ts";
import { searchAttributes } from "../workflows/names.ts";

/** The time within which the last workflows of a campaign must close and appear in the server's lists. */
const settleMs = 20_000;
const askAgainMs = 250;

/**
 * Counts the events of all workflow runs of a campaign and its lanes. The campaign must be over. Throws if a workflow stays open.
 */
export async function countEvents(address: string, campaignId: string): Promise<number> {
  const client = temporalClient({ connectionOptions: { address }, namespace: "default" });
  const query = `${searchAttributes.campaign.name} = "${campaignId}"`;
  try {
    const deadline = Date.now() + settleMs;
    for (;;) {
      let events = 0;
      let open = 0;
      for await (const { workflowId, runId } of client.workflow.list({ query })) {
        const { historyLength, status } = await client.workflow
          .getHandle(workflowId, runId)
          .describe();
        events += historyLength;
        if (status.name === "RUNNING") open++;
      }
      if (open === 0 && events > 0) return events;
      if (Date.now() > deadline)
        throw new Error(`${open} workflows of campaign ${campaignId} are still open`);
      await sleep(askAgainMs);
    }
  } finally {
    await client.connection.close();
  }
}
