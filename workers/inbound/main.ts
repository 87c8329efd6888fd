import { ConfigurationError, inboundVariables, readEnvironment } from "../../config/environment.ts";
import { createLogger } from "../../config/logger.ts";
import { processRegistry } from "../../config/metrics.ts";
import { createReturnAddresses } from "../../domain/return-addresses.ts";
import { createUnsubscribeTokens } from "../../domain/unsubscribing.ts";
import { createLedgerClock } from "../../ledger/clock.ts";
import { startHeartbeat } from "../../ledger/heartbeat.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { createPool } from "../../ledger/worker-pool.ts";
import { listen } from "../http.ts";
import { createInboundApp } from "./http.ts";
import { startListener } from "./listener.ts";
import { createInboundMetrics } from "./metrics.ts";
import { createReceiver } from "./receive.ts";

// Dates without an offset are in UTC, whatever the time zone of the host.
process.env.TZ = "UTC";

function readConfiguration() {
  const environment = readEnvironment(inboundVariables, process.env);
  const { BOUNCE_DOMAIN: domain } = environment;
  if (domain === undefined)
    throw new ConfigurationError(["BOUNCE_DOMAIN is not set: no message has a return address"]);
  return { ...environment, domain };
}

async function main(): Promise<void> {
  const environment = readConfiguration();
  const { domain, TOKEN_SECRET: secrets } = environment;
  const logger = createLogger("inbound", environment.LOG_LEVEL);
  const stopped = new Promise<void>((resolve) => {
    for (const event of ["SIGINT", "SIGTERM", "disconnect"] as const)
      process.once(event, () => resolve());
  });
  const pool = createPool({
    url: environment.DATABASE_URL,
    connections: environment.DATABASE_CONNECTIONS,
    logger,
  });
  const clock = createLedgerClock(pool);
  const addresses = createReturnAddresses(secrets, domain);
  const { INBOUND_TLS_CERT: cert, INBOUND_TLS_KEY: key } = environment;
  const metrics = createInboundMetrics(processRegistry());
  metrics.pools.watch("inbound", pool);
  let isStopping = false;
  const { INBOUND_HOST: host, INBOUND_HTTP_PORT: httpPort } = environment;
  const http =
    httpPort === 0
      ? null
      : await listen(createInboundApp({ metrics, pool, isStopping: () => isStopping }), {
          host,
          port: httpPort,
        });
  const listener = await startListener({
    host,
    port: environment.INBOUND_PORT,
    domain,
    addresses,
    receive: createReceiver({
      pool,
      addresses,
      tokens: createUnsubscribeTokens(secrets),
      readRulebook: createRulebookReader(pool),
      mailboxShards: environment.MAILBOX_SHARDS,
      clock: () => clock.now(),
    }),
    ...(cert !== undefined && key !== undefined && { tls: { cert, key } }),
    metrics,
    logger,
  });
  const heartbeat = startHeartbeat({
    kind: "inbound",
    pool,
    clock,
    state: () => ({ taskQueues: [], isReady: !isStopping }),
    logger,
  });
  logger.info({ port: listener.port, domain }, "ready");
  process.send?.({ ready: true, port: listener.port });
  await stopped;
  isStopping = true;
  logger.info("draining");
  await listener.close();
  await heartbeat.stop();
  http?.close();
  await pool.end();
  logger.info("stopped");
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const text = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${error instanceof ConfigurationError ? error.message : text}\n`);
    process.exit(1);
  },
);
