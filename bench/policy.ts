import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { createChannels } from "../activities/channels/channels.ts";
import { createDispatcher } from "../activities/dispatch/index.ts";
import type { Channel } from "../activities/channels/channel.ts";
import { createLedgerClock } from "../ledger/clock.ts";
import { createLedger } from "../ledger/ledger.ts";
import { createSealer } from "../ledger/sealer.ts";
import { createApp } from "../api/app.ts";
import { createBackground } from "../api/http/background.ts";
import { inboxChannel } from "../ledger/inbox-hints.ts";
import { createNotificationHub } from "../ledger/notification-hub.ts";
import { createPool } from "../api/http/pool.ts";
import { createLogger } from "../config/logger.ts";
import { parseSender } from "../domain/address.ts";
import { createActionLinks } from "../domain/action-links.ts";
import { defaultPolicy } from "../domain/policy/policy.ts";
import { queueName } from "../domain/delivery/queues.ts";
import { startThrowawayPostgres } from "../cli/stack/postgres.ts";
import { startProgress } from "../cli/demo/progress.ts";
import { createPrisma } from "../prisma/client.ts";
import { applyMigrations } from "../prisma/migrate.ts";
import { atLedgerTime, settableClock } from "../test/support/ledger-time.ts";
import { measureDecisions } from "./decisions.ts";
import { type Arrival, fewestMessages, generateDay, noticeMs, people } from "./policy-day.ts";

/** The result of a day. */
export interface DayResult {
  asked: number;
  /** Sent messages, each of which may contain several notifications. */
  sent: number;
  /** The share of notifications that needed no message of their own. */
  savedRatio: number;
  /** Notifications that were in no message. */
  lost: number;
  /** Notifications that were sent after their window. */
  late: number;
}

export interface PolicyResult {
  bench: "policy";
  decisionsPerSecond: number;
  bursty: DayResult;
  even: DayResult;
}

export interface PolicyDetails {
  /** The rate of copying the same data: the cost of reading it. */
  copiesPerSecond: number;
  /** The minimum of messages for the days. */
  fewest: { bursty: number; even: number };
}

const seed = 17;
const { batching } = defaultPolicy.preferences;
const windowMs = batching.windowMinutes * 60_000;
/** The longest time after which a worker reads the queue again. */
const tickMs = 30_000;
/** The tolerance for the duration of a dispatch: a message within it does not count as late. */
const lookMs = 1_000;
const afterTheDayMs = 2 * 3_600_000;
const apiKey = "a-key-that-only-this-bench-has";
const secret = "a-secret-that-only-this-bench-has-too";
const queue = queueName({ kind: "mailbox", shard: 0 });

/**
 * Measures a day of notifications, accepted by the API and sent by a worker's dispatch on a real ledger, whose clock jumps to the next
 * event; and the rate of decisions alone.
 */
export async function benchPolicy({
  say,
}: {
  say: (line: string) => void;
}): Promise<PolicyResult & { details: PolicyDetails }> {
  say("deciding");
  const { decisionsPerSecond, copiesPerSecond } = measureDecisions(seed);
  const server = await startThrowawayPostgres();
  try {
    await applyMigrations(server.url);
    const logger = createLogger("bench", "silent");
    const pool = createPool({ url: server.url, connections: 10, logger });
    const prisma = createPrisma({ url: server.url, connections: 4 });
    try {
      await pool.query(settableClock);
      const days = { bursty: generateDay(seed, true), even: generateDay(seed, false) };
      const world = createWorld(server.url, pool, prisma, logger);
      await world.populate();
      say("a day in bursts");
      const bursty = await world.live(days.bursty, 1);
      say("a day spread evenly");
      const even = await world.live(days.even, 3);
      const bounds = { size: batching.maximumSize, windowMs };
      return {
        bench: "policy",
        decisionsPerSecond,
        bursty,
        even,
        details: {
          copiesPerSecond,
          fewest: {
            bursty: fewestMessages(days.bursty, bounds),
            even: fewestMessages(days.even, bounds),
          },
        },
      };
    } finally {
      await prisma.$disconnect();
      await pool.end();
    }
  } finally {
    await server.stop();
  }
}

function createWorld(
  url: string,
  pool: Pool,
  prisma: ReturnType<typeof createPrisma>,
  logger: ReturnType<typeof createLogger>,
) {
  let now = new Date();
  const app = createApp({
    prisma,
    pool,
    acceptPool: pool,
    lookupPool: pool,
    publicPool: pool,
    sealer: createSealer({ pool, masterKeys: [] }),
    // Nobody opens a stream, so that it never connects.
    hub: createNotificationHub({ url, name: "bench", channels: [inboxChannel], logger }),
    background: createBackground({ logger }),
    hits: { add: () => {}, flush: async () => {} },
    wakes: { queue: () => {}, campaign: () => {}, flush: async () => {} },
    probeTemporal: async () => {},
    logger,
    config: {
      apiKey,
      tokenSecrets: [secret],
      bodyLimitBytes: 10_000_000,
      allowedHosts: null,
      corsOrigins: [],
      console: {
        hosts: [],
        publicOrigin: "",
        folder: "",
        streams: 0,
        temporalUrl: null,
        environment: { name: null, color: "grey" },
      },
      openId: null,
      trackingHost: null,
      alerts: { recipients: [], everyMs: null },
      inboxStreams: 1,
      vapidPublicKey: null,
      endpoints: { pushServices: [], privateSubnets: [], ports: [] },
      outbound: { privateSubnets: [], ports: [], plain: false },
      trustedProxies: 0,
      requestsPerMinute: 10_000_000,
      mailboxShards: 1,
      campaignLanes: 1,
      sender: parseSender("Tidings <tidings@example.org>")!,
      publicUrl: "https://tidings.example.org",
      brand: { name: "Example", color: "#1d4ed8", logo: null, imprint: null, imprintUrl: null },
      mailDomains: ["example.org"],
      inbound: {
        bounceDomain: null,
        sesTopics: [],
        sendGridKey: null,
        mailgunKeys: [],
        postmarkSecrets: [],
      },
      maxUnsent: 10_000_000,
      maxScheduled: 10_000_000,
      maxUnsentPerRecipient: 1_000_000,
    },
    clock: () => now,
  });
  const post = async (path: string, body: unknown) => {
    const response = await app.request(path, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  };

  let messages = 0;
  const channel = countingChannel(() => messages++);
  const { dispatch } = createDispatcher({
    pool,
    ledger: createLedger(pool),
    clock: createLedgerClock(pool, { staysFreshMs: 0 }),
    channels: createChannels([channel]),
    retry: { baseMs: 1_000, capMs: 1_000, attempts: 10 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: createActionLinks({ secrets: [secret], publicUrl: "http://127.0.0.1" }),
    wake: () => Promise.resolve(),
    lingerMs: 0,
  });
  const look = (at: number): Promise<{ nextDueAt: string | null }> =>
    atLedgerTime(
      pool,
      new Date(at),
      () => new MockActivityEnvironment().run(dispatch, { queue }) as ReturnType<typeof dispatch>,
    );

  return {
    async populate(): Promise<void> {
      await post("/v1/templates", {
        key: "notice",
        name: "A notice",
        content: { email: { subject: "About {{ what }}", html: "<p>About {{ what }}.</p>" } },
      });
      const recipients = Array.from({ length: people }, (_, person) => ({
        externalId: `person-${person}`,
        email: `person-${person}@example.org`,
      }));
      await pool.query(
        `INSERT INTO recipients (id, external_id, email) SELECT uuid_v7(now()), r.external_id, r.email
         FROM unnest($1::text[], $2::text[]) AS r(external_id, email)`,
        [recipients.map(({ externalId }) => externalId), recipients.map(({ email }) => email)],
      );
    },

    /** @param daysAhead how many days from now the simulated day begins, so that no real time is later than a simulated one */
    async live(arrivals: readonly Arrival[], daysAhead: number): Promise<DayResult> {
      const begin = (Math.floor(Date.now() / 86_400_000) + daysAhead) * 86_400_000;
      messages = 0;
      const progress = startProgress("notifications", arrivals.length);
      let next = 0;
      let dueAt = Number.POSITIVE_INFINITY;
      for (let at = begin; at < begin + 86_400_000 + afterTheDayMs;) {
        const from = next;
        for (; next < arrivals.length && begin + arrivals[next]!.at <= at; next++) {
          const { person, type, at: ms } = arrivals[next]!;
          now = new Date(begin + ms);
          await post("/v1/notifications", {
            recipients: [`person-${person}`],
            template: { key: "notice" },
            type,
            data: { what: `${type} ${next}` },
            ...(type === "task.deadline" && {
              occursAt: new Date(now.getTime() + noticeMs).toISOString(),
            }),
          });
        }
        if (next > from || dueAt <= at) {
          const { nextDueAt } = await look(at);
          dueAt = nextDueAt === null ? Number.POSITIVE_INFINITY : Date.parse(nextDueAt);
          progress.update(next);
        }
        at = Math.min(at + tickMs, Math.max(dueAt, at + 1));
      }
      progress.stop();
      return this.account(begin, arrivals.length);
    },

    async account(begin: number, asked: number): Promise<DayResult> {
      const { rows } = await pool.query<{ sent: number; late: number }>(
        `SELECT count(*) FILTER (WHERE d.status = 'sent')::int AS sent,
           count(*) FILTER (WHERE d.decided_at > n.send_at + $3 * interval '1 millisecond')::int AS late
         FROM deliveries d JOIN notifications n ON n.id = d.notification_id WHERE n.send_at >= $1 AND n.send_at < $2`,
        [new Date(begin), new Date(begin + 86_400_000), windowMs + lookMs],
      );
      const { sent, late } = rows[0]!;
      return {
        asked,
        sent: messages,
        savedRatio: 1 - messages / asked,
        lost: asked - sent,
        late,
      };
    },
  };
}

/** A channel that sends nothing and counts the messages. */
function countingChannel(count: () => void): Channel {
  return {
    name: "email",
    inFlightBound: 100,
    concurrency: 100,
    opensAt: () => null,
    readyFor: () => Number.POSITIVE_INFINITY,
    recoveredAt: () => null,
    outSince: () => null,
    send() {
      count();
      const at = new Date();
      return Promise.resolve({
        kind: "attempted",
        attempts: [
          {
            provider: "none",
            outcome: "sent",
            failure: null,
            response: null,
            startedAt: at,
            finishedAt: at,
          },
        ],
      });
    },
    close: () => Promise.resolve(),
  };
}
