import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";

export interface HopActivities {
  arrive(number: number): Promise<void>;
}

export const hopSignal = defineSignal<[number: number]>("hop");

/** Runs an activity for each signal, one at a time: the minimum of work for Temporal. */
export async function hop(): Promise<void> {
  const { arrive } = proxyActivities<HopActivities>({ startToCloseTimeout: "10 seconds" });
  const waiting: number[] = [];
  setHandler(hopSignal, (number) => void waiting.push(number));
  while (!workflowInfo().continueAsNewSuggested) {
    await condition(() => waiting.length > 0);
    await arrive(waiting.shift()!);
  }
  await continueAsNew<typeof hop>();
}
