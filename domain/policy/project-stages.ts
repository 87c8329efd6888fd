import { minuteMs } from "../time/durations.ts";
import type { Stage } from "./route.ts";

/** A stage that is not in the ledger yet. */
export interface ProjectedStage {
  number: number;
  stage: Stage & { after: NonNullable<Stage["after"]> };
  /** When the stage begins if each stage before it is sent as soon as it is due, in milliseconds since the epoch. */
  beginsAt: number;
}

/**
 * Projects the stages that begin some time after a waiting one, up to the next stage that begins at once. The ledger writes each of them
 * when the one before it ends.
 * @param number the number of the waiting stage
 * @param from when the waiting stage is sent at the earliest, in milliseconds since the epoch
 * @param isWritten whether a stage is in the ledger, as after a retry of the stage before it
 */
export function projectStages(
  stages: readonly Stage[],
  number: number,
  from: number,
  isWritten: (number: number) => boolean,
): ProjectedStage[] {
  const projected: ProjectedStage[] = [];
  let beginsAt = from;
  for (let next = number + 1; next < stages.length && !isWritten(next); next++) {
    const { via, after } = stages[next]!;
    if (after === undefined) break;
    beginsAt += after.minutes * minuteMs;
    projected.push({ number: next, stage: { via, after }, beginsAt });
  }
  return projected;
}
