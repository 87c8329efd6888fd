import type { Client } from "@temporalio/client";
import { wakeSignal } from "./messages.ts";
import { campaignOptions, deliveryQueueOptions } from "./options.ts";
import type { campaign } from "./campaign.ts";
import type { deliveryQueue } from "./delivery-queue.ts";

/** Starts the queue's workflow, or tells the running one to look again. Idempotent. */
export async function wakeQueue(client: Client, queue: string): Promise<void> {
  await client.workflow.signalWithStart<typeof deliveryQueue>("deliveryQueue", {
    ...deliveryQueueOptions(queue),
    signal: wakeSignal,
  });
}

/** Starts the campaign's workflow, or tells the running one to look again. Idempotent. */
export async function wakeCampaign(client: Client, campaignId: string): Promise<void> {
  await client.workflow.signalWithStart<typeof campaign>("campaign", {
    ...campaignOptions(campaignId),
    signal: wakeSignal,
  });
}
