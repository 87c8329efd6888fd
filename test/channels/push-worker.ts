import { MockActivityEnvironment } from "@temporalio/testing";
import { pino } from "pino";
import type { Pool } from "pg";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { createPool } from "../../ledger/worker-pool.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { pushChannel } from "./push-channel.ts";

/** Dispatches the queue `mailbox/0` once over the push channel of a worker, to a push service on the loopback. */
export async function dispatchPushes(pool: Pool, port: number): Promise<void> {
  const made = await pushChannel(pool, { port });
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([made.channel]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 60_000,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  await new MockActivityEnvironment().run(dispatch, { queue: "mailbox/0" });
  await made.stop();
}

// As a process, which a test kills: the database and the port of the push service.
const [, program, url, port] = process.argv;
if (program?.endsWith("push-worker.js")) {
  const pool = createPool({ url: url!, connections: 4, logger: pino({ level: "silent" }) });
  await dispatchPushes(pool, Number(port));
}
