import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "../cli/demo/service.ts";
import { withTimeout } from "../lib/timeout.ts";
import { openInboxStreams } from "./inbox-streams.ts";
import { measureCalls } from "./measure-calls.ts";
import { data, person } from "./message.ts";
import { pushEndpoint, subscriptionKeys } from "./push-message.ts";
import { createRandom } from "./random.ts";

/** The number of concurrent requests while things are prepared. */
const callers = 16;
const longestPauseMs = 50;
const patienceMs = 60_000;

/** Registers a device at the sink for each of the recipients from `first` to before `end`. */
export async function createDevices(
  service: Service,
  port: number,
  first: number,
  end: number,
): Promise<void> {
  const keys = subscriptionKeys();
  await measureCalls({ calls: end - first, callers }, async (index) => {
    const n = first + index;
    const endpoint = pushEndpoint({ host: "127.0.0.1", port }, n);
    await service.registerDevice(person(n).externalId, { endpoint, keys });
  });
}

/** Milliseconds from the request to the event, and what became of the streams. */
export interface StreamTimes {
  ms: number[];
  open: number;
  lost: number;
  duplicated: number;
}

/** Opens the inboxes of the first recipients at the API's address, and sends them messages one at a time, each to a recipient at random. */
export async function measureStreams(
  service: Service,
  url: string,
  streams: number,
  sends: number,
): Promise<StreamTimes> {
  const tokens: string[] = [];
  await measureCalls({ calls: streams, callers }, async (n) => {
    tokens[n] = await service.issueInboxToken(person(n).externalId);
  });
  const inboxes = await openInboxStreams(url, tokens);
  try {
    const random = createRandom(1);
    const ms: number[] = [];
    let lost = 0;
    for (let sent = 0; sent < sends; sent++) {
      const n = Math.floor(random() * streams);
      const arrival = inboxes.nextItem(n);
      const postedAt = performance.now();
      await service.notify({
        recipients: [person(n).externalId],
        template: { key: "weekly" },
        data,
        route: { stages: [{ via: ["in_app"] }] },
      });
      const arrivedAt = await withTimeout(patienceMs, arrival).catch(() => null);
      if (arrivedAt === null) lost += 1;
      else ms.push(arrivedAt - postedAt);
      await sleep(random() * longestPauseMs);
    }
    return { ms, open: inboxes.open(), lost, duplicated: inboxes.duplicated() };
  } finally {
    inboxes.close();
  }
}
