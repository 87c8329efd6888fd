import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import { parseQueueName } from "../domain/delivery/queues.ts";
import { campaignWorkflowId, taskQueues, type DeliveryQueueInput } from "./names.ts";
import { laneDrainedSignal } from "./signals.ts";
import { wakeSignal } from "./signals.ts";
import { activitySummaries, describeAwake, describeDue, describeOutlook } from "./descriptions.ts";

/** How long a queue of notifications that is empty waits for the next: a signal to a workflow that is cached is cheaper than a new run. */
export const awakeMs = 60_000;

/**
 * Drains one queue, and only waits: between two dispatches for the ledger's next instant or a wake. It ends when nothing
 * is open that time alone could bring, a mailbox when nobody has woken it for a while after that; the next wake starts it again.
 * A wake is never lost: `woken` is cleared before a dispatch looks, and the server does not close a workflow over a signal that
 * it has not seen.
 */
export async function deliveryQueue({ queue, ...wake }: DeliveryQueueInput): Promise<void> {
  const parsed = parseQueueName(queue);
  const { dispatch } = proxyActivities<Pick<Activities, "dispatch">>({
    taskQueue: parsed.kind === "critical" ? taskQueues.deliveryCritical : taskQueues.delivery,
    summary: activitySummaries.dispatch,
    // Far more than a round and its end take: answers that come later belong to the sender.
    startToCloseTimeout: "15 minutes",
    // As long as a lease: when Temporal gives an attempt up, its rows are free.
    heartbeatTimeout: "10 seconds",
    // The ledger may be away for long, and what is owed stays owed: there is no last attempt.
    retry: {
      initialInterval: "500 milliseconds",
      backoffCoefficient: 2,
      maximumInterval: "10 seconds",
    },
  });

  let woken = false;
  setHandler(wakeSignal, (why = {}) => {
    woken = true;
    wake = why;
    log.info("woken", { ...why });
  });

  for (;;) {
    woken = false;
    const result = await dispatch({ queue, ...wake });
    setCurrentDetails(describeOutlook(result));
    if (workflowInfo().continueAsNewSuggested)
      return continueAsNew<typeof deliveryQueue>({ queue, ...wake });
    if (woken) continue;
    if (result.nextDueAt !== null) {
      // Dispatches of versions before this one did not say how long: only until when.
      const waitMs = result.waitMs ?? Date.parse(result.nextDueAt) - Date.now();
      if (waitMs > 0) await condition(() => woken, waitMs, { summary: describeDue(result) });
      continue;
    }
    if (parsed.kind === "lane") await tellCampaign(parsed.campaignId, parsed.lane);
    if (woken) continue;
    const staysAwake = parsed.kind === "mailbox" || parsed.kind === "critical";
    // Runs from before end here.
    if (!staysAwake || !patched("stay-awake-when-empty")) return;
    if (!(await condition(() => woken, awakeMs, { summary: describeAwake }))) return;
  }
}

/** The campaign may be over, or not be there: then nobody waits for the word. */
async function tellCampaign(campaignId: string, lane: number): Promise<void> {
  try {
    await getExternalWorkflowHandle(campaignWorkflowId(campaignId)).signal(laneDrainedSignal, {
      lane,
    });
  } catch (error) {
    log.info("no campaign to tell that its lane is drained", {
      campaignId,
      lane,
      error: String(error),
    });
  }
}
