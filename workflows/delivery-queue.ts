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

/** How long an empty queue of notifications waits for the next one: a signal to a cached workflow is cheaper than a new run. */
export const awakeMs = 60_000;

/**
 * Drains one queue. Between two dispatches it only waits, for the ledger's next instant or for a wake. It ends when no open row
 * becomes due with time alone; a mailbox waits for a further wake before that. The next wake starts it again. No wake is lost,
 * because `woken` is cleared before a dispatch looks, and the server does not close a workflow that has an unprocessed signal.
 */
export async function deliveryQueue({ queue, ...wake }: DeliveryQueueInput): Promise<void> {
  const parsed = parseQueueName(queue);
  const { dispatch } = proxyActivities<Pick<Activities, "dispatch">>({
    taskQueue: parsed.kind === "critical" ? taskQueues.deliveryCritical : taskQueues.delivery,
    summary: activitySummaries.dispatch,
    // Far more than a round takes. The sender handles outcomes that come later.
    startToCloseTimeout: "15 minutes",
    // As long as a lease: when Temporal gives up an attempt, its rows are free.
    heartbeatTimeout: "10 seconds",
    // The ledger may be unreachable for a long time, and its deliveries are still owed: there is no last attempt.
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
      // Dispatches of earlier versions returned only the instant, without `waitMs`.
      const waitMs = result.waitMs ?? Date.parse(result.nextDueAt) - Date.now();
      if (waitMs > 0) await condition(() => woken, waitMs, { summary: describeDue(result) });
      continue;
    }
    if (parsed.kind === "lane") await signalCampaign(parsed.campaignId, parsed.lane);
    if (woken) continue;
    const staysAwake = parsed.kind === "mailbox" || parsed.kind === "critical";
    // Runs that began before this patch end here.
    if (!staysAwake || !patched("stay-awake-when-empty")) return;
    if (!(await condition(() => woken, awakeMs, { summary: describeAwake }))) return;
  }
}

/**
 * Signals the campaign that its lane is drained. The campaign's workflow may have ended or never run, and then the signal is not
 * needed.
 */
async function signalCampaign(campaignId: string, lane: number): Promise<void> {
  try {
    await getExternalWorkflowHandle(campaignWorkflowId(campaignId)).signal(laneDrainedSignal, {
      lane,
    });
  } catch (error) {
    log.info("no campaign workflow runs that could be signalled about the drained lane", {
      campaignId,
      lane,
      error: String(error),
    });
  }
}
