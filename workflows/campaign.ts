import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  workflowInfo,
} from "@temporalio/workflow";
import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import type { CampaignStep } from "../activities/advance-campaign.ts";
import type { Activities } from "../activities/index.ts";
import { queueName } from "../domain/delivery/queues.ts";
import { activitySummaries, describeDraining, describeStep, describeWait } from "./descriptions.ts";
import { deliveryQueue } from "./delivery-queue.ts";
import { taskQueues, type CampaignInput } from "./names.ts";
import { laneDrainedSignal } from "./signals.ts";
import { wakeSignal } from "./signals.ts";
import { type Wake } from "./signals.ts";
import { deliveryQueueOptions } from "./options.ts";

const { advanceCampaign } = proxyActivities<Pick<Activities, "advanceCampaign">>({
  taskQueue: taskQueues.orchestration,
  summary: activitySummaries.advanceCampaign,
  // Freezing an audience of millions is one statement, which takes long.
  startToCloseTimeout: "30 minutes",
  heartbeatTimeout: "30 seconds",
  // The ledger may be unreachable for a long time, and the request still holds: there is no last attempt.
  retry: {
    initialInterval: "500 milliseconds",
    backoffCoefficient: 2,
    maximumInterval: "10 seconds",
  },
});

/** If the signal of a drained lane is lost, the ledger is asked again after this time; the relay is usually quicker. */
const askAgainMs = 3_600_000;

/**
 * Runs a campaign from its schedule to its end: asks the ledger for the next step, and waits for that. The API commits a pause,
 * a cancellation or a new schedule before it signals this workflow, so that the workflow can be terminated and started again
 * from its id alone.
 * @returns the campaign's counts by delivery status
 */
export async function campaign({
  campaignId,
  ...wake
}: CampaignInput): Promise<Extract<CampaignStep, { next: "finished" }>> {
  let woken = false;
  let draining = new Set<number>();
  setHandler(wakeSignal, (why = {}) => {
    woken = true;
    wake = why;
    log.info("woken", { ...why });
  });
  setHandler(laneDrainedSignal, ({ lane }) => {
    draining.delete(lane);
  });

  for (;;) {
    woken = false;
    const step = await advanceCampaign({ campaignId, ...wake });
    setCurrentDetails(describeStep(step));
    // Look again if a wake came during the last step: a delivery may have been put back for another attempt. Runs that began before this
    // patch return.
    if (step.next === "finished" && !(woken && patched("look-again-when-woken-at-the-end")))
      return step;
    if (workflowInfo().continueAsNewSuggested)
      return continueAsNew<typeof campaign>({ campaignId, ...wake });
    if (step.next === "finished") continue;
    if (step.next === "wait") {
      const waitMs = waitOf(step);
      await (waitMs === null
        ? condition(() => woken)
        : condition(() => woken, waitMs, { summary: describeWait(step) }));
    } else {
      draining = new Set(step.lanes);
      await Promise.all(
        step.lanes.map((lane) => startLane(queueName({ kind: "lane", campaignId, lane }), wake)),
      );
      await condition(() => woken || draining.size === 0, askAgainMs, {
        summary: describeDraining(step.lanes.length),
      });
    }
  }
}

/** Activities of earlier versions returned only the instant, without `waitMs`. */
const waitOf = ({ waitMs, until }: Extract<CampaignStep, { next: "wait" }>): number | null =>
  waitMs !== undefined || until === null
    ? (waitMs ?? null)
    : Math.max(1, Date.parse(until) - Date.now());

/**
 * Starts the lane, or wakes it if it runs already. The lane outlives this workflow, so that its open rows are drained whatever
 * happens here.
 */
async function startLane(queue: string, wake: Wake): Promise<void> {
  for (;;) {
    try {
      await startChild(deliveryQueue, {
        ...deliveryQueueOptions(queue, wake),
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
      return;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const woke = await getExternalWorkflowHandle(queue)
      .signal(wakeSignal, wake)
      .then(
        () => true,
        () => false,
      );
    if (woke) return;
    // The lane ended between the two calls, so it is started after all.
  }
}
