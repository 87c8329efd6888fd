import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "../cli/demo/service.ts";
import { audience, data, person } from "./message.ts";
import { createRandom } from "./random.ts";
import type { Sink } from "./sink-process.ts";

export interface SingleTimes {
  normal: number[];
  critical: number[];
}

const longestPauseMs = 100;
const patienceMs = 10 * 60_000;

/**
 * Posts single notifications, of each priority in turn, while the same worker sends a campaign.
 * @returns the milliseconds from each request to the arrival at the sink
 */
export async function sendBesideCampaign(
  service: Service,
  sink: Sink,
  recipients: number,
): Promise<SingleTimes> {
  await service.importRecipients("application/x-ndjson", audience(recipients));
  const campaign = await service.createCampaign({
    name: `To ${recipients}`,
    template: { key: "weekly" },
    audience: { all: true },
    data,
  });
  const random = createRandom(2);
  const posted: { priority: keyof SingleTimes; at: number; id: Promise<string> }[] = [];
  await service.startCampaign(campaign);
  const deadline = Date.now() + patienceMs;
  while ((await sink.progress()) === 0) await sleep(5);
  // Nearly all of the traffic is the campaign's.
  while ((await sink.progress()) < recipients) {
    if (Date.now() > deadline) throw new Error("the campaign does not end");
    const number = posted.length;
    const priority = number % 2 === 0 ? "normal" : "critical";
    const id = service.notify({
      recipients: [person((number * 977) % recipients).externalId],
      template: { key: "weekly" },
      data,
      priority,
    });
    posted.push({ priority, at: Date.now(), id });
    await sleep(random() * longestPauseMs);
  }
  const ids = await Promise.all(posted.map(({ id }) => id));
  while ((await sink.progress()) < recipients + posted.length) {
    if (Date.now() > deadline) throw new Error("notifications did not arrive");
    await sleep(20);
  }
  const deliveries = await Promise.all(
    ids.map(async (id) => (await service.notification(id)).deliveries[0]!.id),
  );
  const arrivals = await sink.arrivals(deliveries);
  const times: SingleTimes = { normal: [], critical: [] };
  for (const [index, { priority, at }] of posted.entries())
    times[priority].push(arrivals[index]! - at);
  return times;
}
