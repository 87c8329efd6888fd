import { MockActivityEnvironment } from "@temporalio/testing";
import { pino } from "pino";
import type { Pool } from "pg";
import { createPublishEvents } from "../../activities/publish-events.ts";
import type { MasterKey } from "../../domain/sealing/master-keys.ts";
import { createGates } from "../../ledger/gates.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { createPool } from "../../ledger/worker-pool.ts";
import { loopbackHttp } from "../support/outbound.ts";
import { masterKey } from "../support/sealing.ts";

/** Runs the activity that sends events to endpoints at `origin`, on the loopback, until it is stopped. */
export function startPublishing(
  pool: Pool,
  origin: string,
  {
    timeoutMs = 5_000,
    masterKeys = [masterKey("k1")],
  }: { timeoutMs?: number; masterKeys?: MasterKey[] } = {},
): { stop: () => Promise<void> } {
  const environment = new MockActivityEnvironment();
  const http = loopbackHttp(origin);
  const activity = createPublishEvents({
    pool,
    gates: createGates(pool),
    receiver: null,
    http,
    sealer: createSealer({ pool, masterKeys }),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 10 },
    sweepMs: 20,
    timeoutMs,
  });
  const running = environment.run(activity) as Promise<void>;
  return {
    stop: async () => {
      environment.cancel("WORKER_SHUTDOWN");
      await running;
      await http.close();
    },
  };
}

// As a process, which a test kills: the database and the origin of the endpoints.
const [, program, url, origin] = process.argv;
if (program?.endsWith("webhook-publisher.js")) {
  const pool = createPool({ url: url!, connections: 4, logger: pino({ level: "silent" }) });
  startPublishing(pool, origin!, { timeoutMs: 600_000 });
}
