import type { Client } from "@temporalio/client";
import { wakeSignal } from "./messages.ts";
import { campaignOptions, deliveryQueueOptions } from "./options.ts";

/** Starts the queue's workflow, or tells the running one to look again. Idempotent. */
export async function wakeQueue(client: Client, queue: string): Promise<void> {
  await client.workflow.signalWithStart("deliveryQueue", {
    ...deliveryQueueOptions(queue),
    signal: wakeSignal,
  });
}

/** Starts the campaign's workflow, or tells the running one to look again. Idempotent. */
export async function wakeCampaign(client: Client, campaignId: string): Promise<void> {
  await client.workflow.signalWithStart("campaign", {
    ...campaignOptions(campaignId),
    signal: wakeSignal,
  });
}
