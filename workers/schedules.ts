import {
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleOptions,
} from "@temporalio/client";
import { digestId, maintenanceId } from "../workflows/names.ts";
import { digestOptions, maintenanceOptions } from "../workflows/options.ts";

/** What becomes of a Schedule that is there: it is brought up to date, or stays as it is altogether. */
type Existing = "update" | "keep";

/**
 * Makes the Schedule of maintenance, daily at 02:00 UTC, or brings the one that is there up to date, but for whether an operator
 * has paused it. A run that was missed while Temporal was away is made up for within a day, once.
 */
export async function ensureMaintenance(client: Client, existing: Existing = "update") {
  await ensureSchedule(client, existing, maintenanceId, {
    spec: { calendars: [{ hour: 2, minute: 0 }], timezone: "UTC" },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 day" },
    action: { type: "startWorkflow", workflowType: "maintenance", ...maintenanceOptions() },
  });
}

/**
 * The same for digests, every 15 minutes on the quarter hour: in every time zone digests are due on one. Of the runs that
 * were missed the last is made up for, which does the work of all.
 */
export async function ensureDigests(client: Client, existing: Existing = "update") {
  await ensureSchedule(client, existing, digestId, {
    spec: { intervals: [{ every: "15 minutes" }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "15 minutes" },
    action: { type: "startWorkflow", workflowType: "digest", ...digestOptions() },
  });
}

async function ensureSchedule(
  client: Client,
  existing: Existing,
  scheduleId: string,
  schedule: Pick<ScheduleOptions, "spec" | "policies" | "action">,
): Promise<void> {
  try {
    await client.schedule.create({ scheduleId, ...schedule });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    if (existing === "keep") return;
    await client.schedule.getHandle(scheduleId).update(({ state }) => ({ ...schedule, state }));
  }
}
