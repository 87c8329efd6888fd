import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from "@temporalio/client";
import { maintenanceId } from "../workflows/messages.ts";
import { maintenanceOptions } from "../workflows/options.ts";

/**
 * Makes the Schedule of maintenance, daily at 02:00 UTC, or brings the one that is there up to date, but for whether an operator
 * has paused it; with `keep` one that is there stays as it is altogether. A run that was missed while Temporal was away is
 * made up for within a day, once.
 */
export async function ensureMaintenance(
  client: Client,
  existing: "update" | "keep" = "update",
): Promise<void> {
  const schedule = {
    spec: { calendars: [{ hour: 2, minute: 0 }], timezone: "UTC" },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 day" as const },
    action: {
      type: "startWorkflow" as const,
      workflowType: "maintenance",
      ...maintenanceOptions(),
    },
  };
  try {
    await client.schedule.create({ scheduleId: maintenanceId, ...schedule });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    if (existing === "keep") return;
    await client.schedule.getHandle(maintenanceId).update(({ state }) => ({ ...schedule, state }));
  }
}
