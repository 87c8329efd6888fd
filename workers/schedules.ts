import {
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleOptions,
} from "@temporalio/client";
import { digestId, maintenanceId } from "../workflows/names.ts";
import { digestOptions, maintenanceOptions } from "../workflows/options.ts";

/** Whether an existing Schedule is updated or kept as it is. */
type Existing = "update" | "keep";

/**
 * Creates the Schedule of maintenance, daily at 02:00 UTC, or updates the existing one. A pause that an operator has set is
 * kept. A run that was missed while Temporal was away is made up for once, within a day.
 */
export async function ensureMaintenance(client: Client, existing: Existing = "update") {
  await ensureSchedule(client, existing, maintenanceId, {
    spec: { calendars: [{ hour: 2, minute: 0 }], timezone: "UTC" },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 day" },
    action: { type: "startWorkflow", workflowType: "maintenance", ...maintenanceOptions() },
  });
}

/**
 * Creates or updates the Schedule of digests, every 15 minutes on the quarter hour, since digests of every time zone are due on
 * one. Of several missed runs only the last is made up for, and it does the work of all.
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
