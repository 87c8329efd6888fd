import type { Client } from "@temporalio/client";
import { wakeSignal } from "./signals.ts";
import { type Wake } from "./signals.ts";
import { campaignOptions, deliveryQueueOptions } from "./options.ts";

/** Starts the queue's workflow, or makes the running one look again. Idempotent. */
export async function wakeQueue(client: Client, queue: string, wake: Wake = {}): Promise<void> {
  await client.workflow.signalWithStart("deliveryQueue", {
    ...deliveryQueueOptions(queue),
    signal: wakeSignal,
    signalArgs: [wake],
  });
}

/** Starts the campaign's workflow, or makes the running one look again. Idempotent. */
export async function wakeCampaign(
  client: Client,
  campaignId: string,
  wake: Wake = {},
): Promise<void> {
  await client.workflow.signalWithStart("campaign", {
    ...campaignOptions(campaignId),
    signal: wakeSignal,
    signalArgs: [wake],
  });
}
