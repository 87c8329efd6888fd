import { createApp } from "../../api/app.ts";
import { createApiMetrics } from "../../api/http/metrics.ts";
import {
  createAcceptPool,
  createLookupPool,
  createPool,
  createPublicPool,
} from "../../api/http/pool.ts";
import type { ApiDeps } from "../../api/http/router.ts";
import { createLogger } from "../../config/logger.ts";
import { parseSender } from "../../domain/address.ts";
import type { Role } from "../../domain/role.ts";
import type { Scope } from "../../domain/scope.ts";
import type { MasterKey } from "../../domain/sealing/master-keys.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { masterKey } from "../support/sealing.ts";
import { createBackground } from "../../api/http/background.ts";
import { createHitBuffer } from "../../api/tracking/hit-buffer.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inboxChannel } from "../../ledger/inbox-hints.ts";
import { createNotificationHub } from "../../ledger/notification-hub.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";

export const apiKey = "test-key-of-at-least-24-characters";

export const tokenSecret = "a-secret-of-at-least-32-characters";

export interface Reply {
  status: number;
  headers: Headers;
  // Tests look into answers as a caller would: without our types.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

/** The API over a database of its own. Wakes are recorded, and nothing else is made up. */
export async function startApi({
  config = {},
  probeTemporal = async () => {},
  clock = () => new Date(),
  database: given,
  masterKeys = [masterKey("k1")],
}: {
  config?: Partial<ApiDeps["config"]>;
  probeTemporal?: () => Promise<void>;
  clock?: () => Date;
  /** That of another API, beside which this one works; that one drops it. */
  database?: TestDatabase;
  masterKeys?: readonly MasterKey[];
} = {}) {
  const database = given ?? (await createTestDatabase());
  const { prisma } = database;
  const woken: string[] = [];
  const logged: string[] = [];
  const logger = createLogger("api", "debug", { write: (line) => void logged.push(line) });
  const pool = createPool({ url: database.url, connections: 10, logger });
  const acceptPool = createAcceptPool({ url: database.url, connections: 4, logger });
  const lookupPool = createLookupPool({ url: database.url, connections: 2, logger });
  const publicPool = createPublicPool({ url: database.url, connections: 2, logger });
  const sealer = createSealer({ pool: lookupPool, masterKeys });
  const metrics = createApiMetrics();
  const hub = createNotificationHub({
    url: database.url,
    name: "test-listening",
    channels: [inboxChannel],
    logger,
  });
  const hits = createHitBuffer({ execute: executeOn(publicPool), metrics, logger });
  const background = createBackground({ logger });
  const app = createApp({
    prisma,
    pool,
    acceptPool,
    lookupPool,
    publicPool,
    sealer,
    metrics,
    hub,
    wakes: {
      queue: (name) => void woken.push(name),
      campaign: (id) => void woken.push(id),
      flush: async () => {},
    },
    hits,
    background,
    probeTemporal,
    logger,
    config: {
      apiKey,
      tokenSecrets: [tokenSecret],
      bodyLimitBytes: 1_048_576,
      allowedHosts: null,
      corsOrigins: [],
      inboxStreams: 100,
      console: {
        hosts: ["localhost", "127.0.0.1"],
        publicOrigin: "https://tidings.example.org",
        folder: "/nonexistent",
        streams: 20,
        temporalUrl: null,
        environment: { name: null, color: "grey" },
      },
      alerts: { recipients: [], everyMs: null },
      openId: null,
      publicUrl: "https://tidings.example.org",
      trackingHost: null,
      vapidPublicKey: null,
      inbound: {
        bounceDomain: null,
        sesTopics: [],
        sendGridKey: null,
        mailgunKeys: [],
        postmarkSecrets: [],
      },
      endpoints: { pushServices: [], privateSubnets: [], ports: [] },
      outbound: { privateSubnets: [], ports: [], plain: false },
      trustedProxies: 0,
      requestsPerMinute: 1_000_000,
      mailboxShards: 4,
      campaignLanes: 8,
      sender: parseSender("Tidings <tidings@example.org>")!,
      brand: { name: "Example", color: "#1d4ed8", logo: null, imprint: null, imprintUrl: null },
      mailDomains: ["example.org"],
      maxUnsent: 1_000_000,
      maxScheduled: 1_000_000,
      maxUnsentPerRecipient: 1_000_000,
      ...config,
    },
    clock,
  });

  async function send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const init: RequestInit = {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
    };
    if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
    const response = await app.request(path, init);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? null : isJson(response) ? JSON.parse(text) : text,
    };
  }

  async function stop(): Promise<void> {
    hub.close();
    await background.whenIdle();
    await Promise.all([pool.end(), acceptPool.end(), lookupPool.end(), publicPool.end()]);
    if (!given) await database.drop();
  }

  return {
    app,
    hits,
    background,
    metrics,
    hub,
    database,
    url: database.url,
    prisma,
    pool,
    acceptPool,
    lookupPool,
    publicPool,
    sealer,
    woken,
    logged,
    send,
    stop,
  };
}

const isJson = ({ headers }: Response) => /\bjson\b/.test(headers.get("content-type") ?? "");

export type Api = Awaited<ReturnType<typeof startApi>>;

export const sampleTemplate = {
  key: "order-shipped",
  name: "Order shipped",
  content: {
    email: {
      subject: "Order {{ order }} is on its way",
      html: "<p>Hello {{ recipient.attributes.name }}, {{ order }} is on its way.</p>",
    },
  },
  variables: {
    type: "object",
    properties: { order: { type: "string", maxLength: 100 } },
    required: ["order"],
  },
};

/** `count` recipients `u0`, `u1`, … and the sample template. */
export async function seed({ send }: Api, count: number): Promise<void> {
  await send("POST", "/v1/templates", sampleTemplate);
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      externalId: `u${i}`,
      email: `u${i}@example.org`,
      attributes: { name: `N${i}`, even: i % 2 === 0, number: i },
    }),
  );
  await send("POST", "/v1/recipients/import", lines.join("\n"), {
    "content-type": "application/x-ndjson",
  });
}

/** A key as the API makes it: its id, its secret. */
export async function makeKey(
  { send }: Api,
  wanted: {
    role: Role;
    name?: string;
    scopes?: Scope[];
    requestsPerMinute?: number;
    expiresAt?: string;
  },
): Promise<{ id: string; secret: string }> {
  const { status, body } = await send("POST", "/v1/api-keys", { name: "a test", ...wanted });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body;
}
