import { AsyncResource } from "node:async_hooks";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { followClocks, checkIntervalMs } from "../config/clocks.ts";
import { apiVariables, ConfigurationError, readEnvironment } from "../config/environment.ts";
import { outboundRules } from "../config/outbound.ts";
import { createLogger } from "../config/logger.ts";
import { processRegistry } from "../config/metrics.ts";
import { createLedgerClock } from "../ledger/clock.ts";
import { startHeartbeat } from "../ledger/heartbeat.ts";
import { judgeDueHits } from "../ledger/tracking-hits.ts";
import { inboxChannel } from "../ledger/inbox-hints.ts";
import { createNotificationHub } from "../ledger/notification-hub.ts";
import { notifyListener } from "../ledger/queue-listener.ts";
import { executeOn } from "../ledger/sql.ts";
import { createSealer, reportSealing } from "../ledger/sealer.ts";
import { zoneFolders } from "../config/system-clocks.ts";
import { packageRoot } from "../config/package-root.ts";
import { temporalClient, temporalSettings } from "../config/temporal.ts";
import { startTracing } from "../config/tracing.ts";
import { isLoopback, loopbackHosts } from "../lib/allowed-hosts.ts";
import { poll } from "../lib/polling.ts";
import { createPrisma } from "../prisma/client.ts";
import { wakeCampaign, wakeQueue } from "../workflows/client.ts";
import { createApp } from "./app.ts";
import { createApiMetrics } from "./http/metrics.ts";
import {
  createAcceptPool,
  createLookupPool,
  createPool,
  createPublicPool,
  shareConnections,
} from "./http/pool.ts";
import { createHitBuffer } from "./tracking/hit-buffer.ts";
import { createBackground } from "./http/background.ts";
import { createWakes } from "./wakes.ts";

/** A wake that takes longer is abandoned: the relay finds the rows that it was for. */
const wakeDeadlineMs = 5_000;
const probeDeadlineMs = 1_000;
const lookForAlertsMs = 15_000;
const judgeHitsMs = 500;
/** How long requests in progress may take to finish once the process has been asked to stop. */
const drainMs = 20_000;
/** Connections that wait to be accepted while the process is busy. Further clients have to try again, which takes seconds. */
const waitingConnections = 2_048;
/** A connection without traffic for this long is closed. A whole request may take longer, as an import can. */
const idleConnectionMs = 120_000;

// A date without an offset is in UTC, whatever the time zone of the host is.
process.env.TZ = "UTC";

function readConfiguration() {
  try {
    return readEnvironment(apiVariables, process.env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

const configuration = readConfiguration();

/**
 * The hosts that requests may name. On a loopback address these are the loopback names, the host of the public address and the
 * configured hosts. On any other address they are the configured hosts and the loopback names; null, which allows every host, if
 * none are configured.
 */
function allowedHosts(): string[] | null {
  const { API_HOST: host, API_HOSTS: configured, PUBLIC_URL: publicUrl } = configuration;
  const tracking = new URL(configuration.TRACKING_URL ?? publicUrl).hostname;
  if (isLoopback(host))
    return [...loopbackHosts, host, new URL(publicUrl).hostname, tracking, ...configured];
  // Probes within a container use the loopback address.
  return configured.length > 0 ? [...loopbackHosts, tracking, ...configured] : null;
}

/** The host that is for tracking only; null if it is that of the public address. */
function trackingHost(): string | null {
  const { PUBLIC_URL: publicUrl, TRACKING_URL: trackingUrl = publicUrl } = configuration;
  const { host } = new URL(trackingUrl);
  return host === new URL(publicUrl).host ? null : host;
}

/** Where Temporal's web interface lists the workflows of this installation; null if its address is not configured. */
function workflowsUrl(): string | null {
  const { CONSOLE_TEMPORAL_URL: url } = configuration;
  const { namespace } = temporalSettings(process.env);
  return url === undefined
    ? null
    : `${url.replace(/\/+$/, "")}/namespaces/${encodeURIComponent(namespace)}/workflows`;
}

/** The console is served under known hosts only, whatever the address is that the API listens on. */
const consoleHosts = [
  ...loopbackHosts,
  new URL(configuration.PUBLIC_URL).hostname,
  ...configuration.API_HOSTS,
];

/** The OpenID provider; null if none is configured. The configuration has all of its settings or none. */
function openIdSettings() {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, PUBLIC_URL: publicUrl } = configuration;
  const { OIDC_CLIENT_SECRET: clientSecret, OIDC_ROLES: roles } = configuration;
  if (issuer === undefined || !clientId || !clientSecret || !roles) return null;
  return {
    issuer,
    clientId,
    clientSecret,
    roles,
    scopes: configuration.OIDC_SCOPES,
    groupsClaim: configuration.OIDC_GROUPS_CLAIM,
    redirectUri: `${publicUrl}/v1/session/oidc/callback`,
  };
}

const logger = createLogger("api", configuration.LOG_LEVEL);
const checkClocks = followClocks(zoneFolders(configuration.TZDIR), logger);
poll(async () => void checkClocks(), checkIntervalMs);
const { DATABASE_URL: url, DATABASE_CONNECTIONS: connections } = configuration;
const metrics = createApiMetrics(processRegistry());
const shares = shareConnections(connections);
const acceptPool = createAcceptPool({ url, connections: shares.accept, logger });
metrics.watchPool("accept", acceptPool);
const lookupPool = createLookupPool({ url, connections: shares.lookup, logger });
metrics.watchPool("lookup", lookupPool);
const publicPool = createPublicPool({ url, connections: shares.public, logger });
metrics.watchPool("public", publicPool);
const pool = createPool({ url, connections: shares.lists, logger });
metrics.watchPool("lists", pool);
const prisma = createPrisma({
  url,
  connections: shares.prisma,
  statementMs: 15_000,
  watch: (counts) => metrics.watchPool("prisma", counts),
});
const hub = createNotificationHub({
  url,
  name: "tidings-api-listening",
  channels: [inboxChannel],
  logger,
});
const tracing = await startTracing("api", configuration, logger);
const temporal = temporalClient(temporalSettings(process.env), tracing ? [tracing.client] : []);
const callWithin = (deadlineMs: number, call: () => Promise<unknown>) =>
  temporal.withDeadline(Date.now() + deadlineMs, call);
const wakes = createWakes({
  wakeQueue: async (queue, wake) => {
    if (await notifyListener(acceptPool, queue).catch(() => false)) return;
    await callWithin(wakeDeadlineMs, () => wakeQueue(temporal, queue, wake));
  },
  wakeCampaign: async (campaignId, wake) =>
    void (await callWithin(wakeDeadlineMs, () => wakeCampaign(temporal, campaignId, wake))),
  logger,
  count: (target, outcome) => metrics.recordWake(target, outcome),
  ...(tracing && { bindToTrace: (send) => AsyncResource.bind(send) }),
});

const ledgerClock = createLedgerClock(lookupPool);
/** The ledger's clock, which decides what is due. Each call starts a refresh if one is needed, and does not wait for it. */
const clock = () => {
  ledgerClock.refresh().catch(() => {});
  return ledgerClock.now();
};
clock();

const sealer = createSealer({ pool: lookupPool, masterKeys: configuration.SEALING_KEYS });
void reportSealing(sealer, logger);

const hits = createHitBuffer({ execute: executeOn(publicPool), metrics, logger });
const background = createBackground({ logger });
const judging = poll(async () => {
  while (await judgeDueHits(publicPool));
}, judgeHitsMs);

const app = createApp({
  prisma,
  pool,
  acceptPool,
  lookupPool,
  publicPool,
  sealer,
  hub,
  wakes,
  hits,
  background,
  probeTemporal: async () =>
    void (await callWithin(probeDeadlineMs, () => temporal.workflowService.getSystemInfo({}))),
  logger,
  metrics,
  ...(tracing && { traceRequests: (await import("./http/request-tracing.ts")).traceRequests() }),
  config: {
    apiKey: configuration.TIDINGS_API_KEY,
    tokenSecrets: configuration.TOKEN_SECRET,
    bodyLimitBytes: configuration.API_BODY_LIMIT_BYTES,
    allowedHosts: allowedHosts(),
    corsOrigins: configuration.CORS_ORIGINS,
    // The other connections are left to requests.
    inboxStreams: Math.min(
      configuration.INBOX_STREAMS,
      Math.floor((configuration.API_MAX_CONNECTIONS * 3) / 4),
    ),
    console: {
      hosts: consoleHosts,
      publicOrigin: new URL(configuration.PUBLIC_URL).origin,
      folder: join(packageRoot, "dist/console"),
      streams: Math.min(500, Math.floor(configuration.API_MAX_CONNECTIONS / 8)),
      temporalUrl: workflowsUrl(),
      environment: {
        name: configuration.CONSOLE_ENVIRONMENT ?? null,
        color: configuration.CONSOLE_COLOR,
      },
    },
    alerts: { recipients: configuration.ALERT_RECIPIENTS, everyMs: lookForAlertsMs },
    openId: openIdSettings(),
    publicUrl: configuration.PUBLIC_URL,
    trackingHost: trackingHost(),
    trustedProxies: configuration.API_TRUSTED_PROXIES,
    requestsPerMinute: configuration.API_REQUESTS_PER_MINUTE,
    mailboxShards: configuration.MAILBOX_SHARDS,
    campaignLanes: configuration.CAMPAIGN_LANES,
    sender: configuration.MAIL_FROM,
    brand: {
      name: configuration.PAGES_NAME ?? configuration.MAIL_FROM.name,
      color: configuration.PAGES_COLOR,
      logo: configuration.PAGES_LOGO ?? null,
      imprint: configuration.PAGES_IMPRINT ?? null,
      imprintUrl: configuration.PAGES_IMPRINT_URL ?? null,
    },
    mailDomains: [configuration.MAIL_FROM.mailbox.domain, ...configuration.MAIL_FROM_DOMAINS],
    vapidPublicKey: configuration.VAPID_PUBLIC_KEY ?? null,
    endpoints: {
      pushServices: configuration.PUSH_SERVICES,
      privateSubnets: configuration.HTTP_ALLOW_PRIVATE,
      ports: configuration.HTTP_ALLOW_PORTS,
    },
    outbound: outboundRules(configuration),
    inbound: {
      bounceDomain: configuration.BOUNCE_DOMAIN ?? null,
      sesTopics: configuration.SES_TOPICS,
      sendGridKey: configuration.SENDGRID_WEBHOOK_KEY ?? null,
      mailgunKeys: configuration.MAILGUN_SIGNING_KEY ?? [],
      postmarkSecrets: configuration.POSTMARK_WEBHOOK_SECRET ?? [],
    },
    maxUnsent: configuration.MAX_UNSENT,
    maxScheduled: configuration.MAX_SCHEDULED,
    maxUnsentPerRecipient: configuration.MAX_UNSENT_PER_RECIPIENT,
  },
  clock,
});

const server = createAdaptorServer({
  fetch: app.fetch,
  serverOptions: { requestTimeout: 0, headersTimeout: 20_000, keepAliveTimeout: 30_000 },
});
server.on("error", (error) => {
  logger.fatal({ error: error.message }, "cannot listen");
  process.exit(1);
});
server.setTimeout(idleConnectionMs);
// Further connections are closed at once, because even an idle connection costs memory.
server.maxConnections = configuration.API_MAX_CONNECTIONS;
server.listen(
  { host: configuration.API_HOST, port: configuration.API_PORT, backlog: waitingConnections },
  () => {
    const { address, port } = server.address() as AddressInfo;
    logger.info({ host: address, port }, "ready");
    process.send?.({ ready: true, port });
  },
);

let draining = false;
const heartbeat = startHeartbeat({
  kind: "api",
  pool: lookupPool,
  clock: ledgerClock,
  state: () => ({ taskQueues: [], isReady: !draining }),
  logger,
});

/** Accepts no more connections, lets requests and wakes in progress finish, and ends the process. A second call ends it at once. */
async function drain(reason: string): Promise<void> {
  if (draining) process.exit(1);
  draining = true;
  logger.info({ reason }, "draining");
  // Their clients connect again, to another process.
  hub.close();
  const forced = setTimeout(() => {
    logger.warn("requests did not finish in time");
    process.exit(1);
  }, drainMs);
  // Without this, a connection whose request ends later would be kept alive.
  const sweeping = setInterval(
    () => "closeIdleConnections" in server && server.closeIdleConnections(),
    50,
  );
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(sweeping);
  judging.stop();
  await background.whenIdle();
  await hits.flush();
  await wakes.flush();
  await heartbeat.stop();
  await Promise.all([
    prisma.$disconnect(),
    pool.end(),
    acceptPool.end(),
    lookupPool.end(),
    publicPool.end(),
  ]);
  await temporal.connection.close();
  await tracing?.stop();
  clearTimeout(forced);
  logger.info("stopped");
  // An open channel to the launcher would keep the process alive.
  process.exit(0);
}

process.on("SIGTERM", () => void drain("SIGTERM"));
process.on("SIGINT", () => void drain("SIGINT"));
process.on("disconnect", () => void drain("the launcher is gone"));
