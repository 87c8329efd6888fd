import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { MockActivityEnvironment } from "@temporalio/testing";
import { Webhook } from "standardwebhooks";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import { createPublishEvents } from "../../activities/publish-events.ts";
import { packageRoot } from "../../config/package-root.ts";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { engagementsNow, type EngagementKind, recordEngagements } from "../../ledger/engagement.ts";
import { createGates } from "../../ledger/gates.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { bindStatement, executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { eraseWebhookAnswers } from "../../ledger/webhook-endpoints.ts";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import { forbiddenUrls, resolveForbidden, startWitness } from "../support/forbidden-urls.ts";
import { subnets } from "../support/outbound.ts";
import { insertPushDeliveries } from "../support/push-deliveries.ts";
import { masterKey } from "../support/sealing.ts";
import { type Api, seed, startApi } from "./harness.ts";
import { startPublishing } from "./webhook-publisher.ts";

interface Arrived {
  path: string;
  body: string;
  headers: Record<string, string>;
  events: { id: string; kind: string; delivery: string | null; automated: boolean }[];
}

/** What each path answers; 204 where nothing is set. A path that is not answered is `null`. */
const answers = new Map<string, { status: number; body?: string } | null>();
let arrived: Arrived[] = [];
const server = createServer((request: IncomingMessage, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    const { events } = JSON.parse(body) as Pick<Arrived, "events">;
    const headers = request.headers as Record<string, string>;
    arrived.push({ path: request.url!, body, headers, events });
    const answer = answers.get(request.url!);
    if (answer !== null) response.writeHead(answer?.status ?? 204).end(answer?.body);
  });
});

let api: Api;
let recipientId: string;
let origin: string;
let stop: () => Promise<void> = async () => {};

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  origin = `http://127.0.0.1:${port}`;
  api = await startApi({
    config: {
      outbound: { privateSubnets: subnets("127.0.0.1/32"), ports: [port], plain: false },
      alerts: { recipients: [], everyMs: 200 },
    },
  });
  await seed(api, 2);
  recipientId = (await api.prisma.recipient.findFirstOrThrow({ where: { externalId: "u0" } })).id;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await api.stop();
});
beforeEach(async () => {
  answers.clear();
  arrived = [];
  await api.prisma
    .$executeRaw`TRUNCATE events, event_deliveries, webhook_endpoints, webhook_attempts, event_receivers, engagements, open_deliveries, ended_deliveries, notifications CASCADE`;
});
afterEach(async () => {
  await stop();
  stop = async () => {};
});

/** Runs the activity that sends events, until the test ends. */
function publish(options: Parameters<typeof startPublishing>[2] = {}) {
  ({ stop } = startPublishing(api.pool, origin, options));
}

const allKinds = ["delivery.delivered", "delivery.opened", "delivery.clicked", "delivery.bounced"];

async function create(path: string, fields: object = {}): Promise<{ id: string; secret: string }> {
  const { status, body } = await api.send("POST", "/v1/webhook-endpoints", {
    url: `${origin}${path}`,
    description: path,
    kinds: allKinds,
    ...fields,
  });
  expect([status, body]).toEqual([201, expect.anything()]);
  return body;
}

const read = async (id: string) => (await api.send("GET", `/v1/webhook-endpoints/${id}`)).body;
const attemptsOf = async (id: string, query = "") =>
  (await api.send("GET", `/v1/webhook-endpoints/${id}/attempts${query}`)).body.items;
const engage = (ids: readonly string[], kind: EngagementKind) =>
  inTransaction(api.pool, (client) =>
    recordEngagements(executeOn(client), engagementsNow(ids, kind)),
  );
const kindsAt = (path: string) =>
  arrived.filter((one) => one.path === path).flatMap(({ events }) => events.map((e) => e.kind));
interface PlanNode {
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Join Filter"?: number;
  Plans?: PlanNode[];
}
const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const waiting = async (id: string) => (await read(id)).waiting;

describe("events of engagements", () => {
  it("are written once for each kind by people, and machines cause none", async () => {
    const [first, second] = await insertPushDeliveries(api, recipientId, {
      statuses: ["sent", "sent"],
    });
    await engage([first!], "opened_by_machine");
    await engage([first!], "clicked_by_machine");
    await engage([first!], "clicked");
    await engage([first!], "opened");
    await engage([second!], "delivered");
    await engage([second!], "read");
    await engage([second!], "bounced");
    await engage([second!], "complained");
    const list = async (query: string) =>
      (await api.send("GET", `/v1/events?${query}`)).body.items.map(
        (e: { kind: string }) => e.kind,
      );
    const of = (id: string) => `sort=createdAt&delivery=${publicId("delivery", id)}`;
    expect((await list(of(first!))).toSorted()).toEqual(["delivery.clicked", "delivery.opened"]);
    expect(await list(of(second!))).toEqual([
      "delivery.delivered",
      "delivery.read",
      "delivery.bounced",
      "delivery.complained",
    ]);
    expect(await list("kind=delivery.bounced,delivery.opened")).toHaveLength(2);
    const campaign = newUuid(new Date(Date.now() - 60_000));
    const ofCampaign = `campaign=${publicId("campaign", campaign)}`;
    expect(await list(ofCampaign)).toEqual([]);
    await inTransaction(api.pool, async (client) => {
      await client.query("SET LOCAL session_replication_role = replica");
      await client.query(
        "UPDATE ended_deliveries SET campaign_id = $1, notification_id = NULL WHERE id = $2",
        [campaign, second],
      );
    });
    expect(await list(ofCampaign)).toHaveLength(4);
  });

  it("are due for EVENTS_URL only where it is set", async () => {
    const ids = await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] });
    await engage([ids[0]!], "opened");
    await api.prisma.eventReceiver.create({ data: { id: 1, createdAt: new Date() } });
    await engage([ids[1]!], "opened");
    const rows = await api.prisma.event.findMany({ orderBy: { id: "asc" } });
    expect(rows.map(({ deliveryId, dueAt }) => [deliveryId, dueAt !== null])).toEqual([
      [ids[0], false],
      [ids[1], true],
    ]);
  });
});

describe("webhook endpoints", () => {
  it("get the events that they ask for, signed for the official library, and a slow one does not hold the others", async () => {
    answers.set("/slow", null);
    const [all, clicks, slow] = [
      await create("/all"),
      await create("/clicks", { kinds: ["delivery.clicked"] }),
      await create("/slow"),
    ];
    const other = await create("/type", { types: [] });
    await api.send("PATCH", `/v1/webhook-endpoints/${other.id}`, { enabled: false });
    const ids = await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] });
    publish({ timeoutMs: 60_000 });
    await engage(ids, "opened");
    await engage([ids[0]!], "clicked");
    await expect
      .poll(() => kindsAt("/all").toSorted())
      .toEqual(["delivery.clicked", "delivery.opened", "delivery.opened"]);
    await expect.poll(() => kindsAt("/clicks")).toEqual(["delivery.clicked"]);
    await expect.poll(() => waiting(all.id)).toBe(0);
    expect(await waiting(slow.id)).toBe(3);
    expect(kindsAt("/type")).toEqual([]);
    for (const { body, headers } of arrived.filter(({ path }) => path === "/all")) {
      expect(new Webhook(all.secret).verify(body, headers)).toEqual(JSON.parse(body));
      expect(() => new Webhook(clicks.secret).verify(body, headers)).toThrow("No matching");
      expect(headers["tidings-signature"]).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
    }
    await expect
      .poll(() => attemptsOf(clicks.id))
      .toMatchObject([
        {
          outcome: "taken",
          status: 204,
          events: [arrived.find(({ path }) => path === "/clicks")!.events[0]!.id],
          messageId: expect.stringMatching(/^batch_/),
        },
      ]);
    expect(await read(all.id)).toMatchObject({ failingSince: null, detail: null });
    server.closeAllConnections();
  });

  it("sign with both secrets for a day after a rotation, and the secret is not stored in clear text", async () => {
    const { id, secret } = await create("/all");
    const rotated = (await api.send("POST", `/v1/webhook-endpoints/${id}/rotate`)).body;
    expect(rotated.secret).not.toBe(secret);
    const hours = (new Date(rotated.previousSecretUntil).getTime() - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(23.9);
    const [row] = await api.prisma.webhookEndpoint.findMany();
    expect(Buffer.from(row!.secret).includes(rotated.secret)).toBe(false);
    publish();
    const send = async (count: number) => {
      const ids = await insertPushDeliveries(api, recipientId);
      await engage(ids, "opened");
      await expect.poll(() => arrived.length).toBe(count);
      return arrived.at(-1)!;
    };
    const { body, headers } = await send(1);
    for (const each of [secret, rotated.secret])
      expect(new Webhook(each).verify(body, headers)).toBeTruthy();
    await api.prisma.webhookEndpoint.update({
      where: { id: row!.id },
      data: { previousUntil: new Date(Date.now() - 1) },
    });
    const later = await send(2);
    expect(new Webhook(rotated.secret).verify(later.body, later.headers)).toBeTruthy();
    expect(() => new Webhook(secret).verify(later.body, later.headers)).toThrow("No matching");
    const audit = (await api.send("GET", `/v1/audit?resource=${id}`)).body;
    expect(JSON.stringify(audit)).not.toContain("whsec_");
    expect(audit.items.map((entry: { action: string }) => entry.action)).toEqual([
      "webhook_endpoint.rotate",
      "webhook_endpoint.create",
    ]);
  });

  it("are tried again with backoff, after a restart too, and a test is sent at once", async () => {
    answers.set("/all", { status: 503, body: "come\0 back later" });
    const { id } = await create("/all");
    const ids = await insertPushDeliveries(api, recipientId);
    await engage(ids, "opened");
    publish();
    await expect.poll(async () => (await read(id)).detail).toBe("answered 503");
    const failed = await read(id);
    expect(failed).toMatchObject({ waiting: 1, failingSince: expect.any(String) });
    expect(new Date(failed.retryAt).getTime()).toBeGreaterThan(Date.now() + 20_000);
    expect(await attemptsOf(id, "?outcome=unavailable")).toMatchObject([
      { status: 503, answer: "come back later" },
    ]);
    await stop();
    answers.clear();
    publish();
    expect((await api.send("POST", `/v1/webhook-endpoints/${id}/test`)).status).toBe(202);
    await expect.poll(() => waiting(id)).toBe(0);
    expect(kindsAt("/all").slice(1)).toEqual(["webhook.test", "delivery.opened"]);
    expect(await read(id)).toMatchObject({ failingSince: null, retryAt: null, detail: null });
  });

  it("get each event of a publisher that is killed during a request, under the same id, from the next one", async () => {
    answers.set("/all", null);
    const { id, secret } = await create("/all");
    await engage(
      await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] }),
      "opened",
    );
    const killed = spawn(
      process.execPath,
      [
        join(packageRoot, "dist/test/api/webhook-publisher.js"),
        api.pool.options.connectionString!,
        origin,
      ],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
    onTestFinished(() => void killed.kill("SIGKILL"));
    await expect.poll(() => arrived.length).toBe(1);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect(await waiting(id)).toBe(2);
    expect(await attemptsOf(id)).toEqual([]);

    answers.clear();
    publish();
    await expect.poll(() => waiting(id)).toBe(0);
    const [first, second] = arrived as [Arrived, Arrived];
    expect(arrived).toHaveLength(2);
    expect(second.headers["webhook-id"]).toBe(first.headers["webhook-id"]);
    expect(second.body).toBe(first.body);
    expect(new Webhook(secret).verify(second.body, second.headers)).toBeTruthy();
    expect(await attemptsOf(id)).toMatchObject([
      {
        outcome: "taken",
        messageId: first.headers["webhook-id"],
        events: first.events.map((event) => event.id),
      },
    ]);
  });

  it("that refuse one event get the others; a test that is refused is not repeated", async () => {
    answers.set("/all", { status: 422 });
    const { id } = await create("/all");
    publish();
    const { body } = await api.send("POST", `/v1/webhook-endpoints/${id}/test`);
    await expect.poll(() => attemptsOf(id)).toHaveLength(1);
    expect(await read(id)).toMatchObject({ waiting: 0, givenUp: 0 });
    expect(await attemptsOf(id, `?event=${body.event}`)).toMatchObject([{ outcome: "refused" }]);
    const ids = await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] });
    await engage(ids, "opened");
    await expect.poll(() => attemptsOf(id)).toHaveLength(4);
    expect(await read(id)).toMatchObject({ waiting: 2, retryAt: null, enabled: true });
  });

  it("that answer 410, or fail for five days, are switched off, with an alert and an entry in the audit trail; what is old is given up", async () => {
    answers.set("/gone", { status: 410 });
    answers.set("/all", { status: 500 });
    const [gone, failing] = [await create("/gone"), await create("/all")];
    await api.prisma.$executeRaw`
      UPDATE webhook_endpoints SET failing_since = now() - interval '6 days', last_failure_at = now() - interval '1 hour' WHERE description = '/all'`;
    const ids = await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] });
    await engage(ids, "opened");
    const old = publicId("event", (await api.prisma.event.findFirstOrThrow()).id);
    await api.prisma
      .$executeRaw`UPDATE event_deliveries SET created_at = now() - interval '4 days' WHERE event_id = ${parsePublicId("event", old)}::uuid`;
    publish();
    await expect.poll(async () => (await read(gone.id)).disabledReason).toBe("gone");
    await expect.poll(async () => (await read(failing.id)).disabledReason).toBe("failing");
    expect(await read(failing.id)).toMatchObject({ enabled: false, waiting: 1, givenUp: 1 });
    await expect
      .poll(async () => {
        const { items } = (await api.send("GET", "/v1/alerts?state=open")).body;
        return items.filter((alert: { kind: string }) => alert.kind === "webhook_off").length;
      })
      .toBe(2);
    const audit = (await api.send("GET", `/v1/audit?resource=${failing.id}`)).body.items;
    expect(audit[0]).toMatchObject({ actor: "tidings", action: "webhook_endpoint.switch_off" });
    expect((await api.send("POST", `/v1/webhook-endpoints/${gone.id}/test`)).status).toBe(409);

    answers.clear();
    await api.send("PATCH", `/v1/webhook-endpoints/${failing.id}`, { enabled: true });
    await expect.poll(() => waiting(failing.id)).toBe(0);
    expect(await read(failing.id)).toMatchObject({ enabled: true, disabledReason: null });
  });

  it("get one event or a span again, within bounds", async () => {
    const { id } = await create("/all");
    publish();
    const ids = await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] });
    await engage(ids, "opened");
    await engage([ids[0]!], "clicked");
    await expect.poll(() => kindsAt("/all")).toHaveLength(3);
    await expect.poll(() => waiting(id)).toBe(0);
    arrived = [];
    const again = (body: object) => api.send("POST", `/v1/webhook-endpoints/${id}/replay`, body);
    const span = {
      from: new Date(Date.now() - 60_000).toISOString(),
      to: new Date(Date.now() + 60_000).toISOString(),
    };
    expect((await again({ ...span, kinds: ["delivery.opened"] })).body).toEqual({ events: 2 });
    await expect.poll(() => kindsAt("/all")).toEqual(["delivery.opened", "delivery.opened"]);
    const [event] = (await api.send("GET", "/v1/events?kind=delivery.clicked")).body.items;
    expect((await again({ event: event.id })).body).toEqual({ events: 1 });
    await expect.poll(() => arrived.at(-1)!.events[0]!.id).toBe(event.id);
    for (const wrong of [
      { event: publicId("event", newUuid()) },
      { ...span, event: event.id },
      { from: span.from },
      { from: span.to, to: span.from },
      { from: "2027-01-01T00:00:00Z", to: "2027-03-01T00:00:00Z" },
    ])
      expect((await again(wrong)).status).toBe(422);
    await api.prisma.$executeRaw`
      INSERT INTO events (id, kind) SELECT uuid_v7(now()), 'delivery.bounced' FROM generate_series(1, 10001)`;
    expect((await again(span)).status).toBe(409);
    expect(await waiting(id)).toBe(0);
  });

  it("are not sent to without the key of their secret", async () => {
    const { id } = await create("/all");
    const ids = await insertPushDeliveries(api, recipientId);
    await engage(ids, "opened");
    publish({ masterKeys: [] });
    await expect.poll(async () => (await read(id)).detail).toContain("cannot be decrypted");
    expect(arrived).toEqual([]);
    expect(await waiting(id)).toBe(1);
  });

  it("keep no answer about events of a recipient who is erased", async () => {
    answers.set("/all", { status: 200, body: "thank you, Ada" });
    const { id } = await create("/all");
    const { id: person } = await api.prisma.recipient.findFirstOrThrow({
      where: { externalId: "u1" },
    });
    publish();
    for (const [index, recipient] of [person, recipientId].entries()) {
      await engage(await insertPushDeliveries(api, recipient), "opened");
      await expect.poll(() => attemptsOf(id)).toHaveLength(index + 1);
    }
    await api.send("DELETE", "/v1/recipients/u1");
    const kept = (await attemptsOf(id)).map(({ answer }: { answer: string | null }) => answer);
    expect(kept).toEqual(["thank you, Ada", null]);
  });

  it("look up each event once in the answers about a recipient who is erased, however many there are", async () => {
    const { id } = await create("/all");
    const uuid = parsePublicId("webhookEndpoint", id);
    await api.pool.query(
      `WITH own AS (
         INSERT INTO events (id, kind, recipient_id) SELECT uuid_v7(now()), 'delivery.opened', $2 FROM generate_series(1, 2000) RETURNING id
       )
       INSERT INTO webhook_attempts (id, endpoint_id, message_id, event_ids, outcome, detail, answer, duration_ms, created_at)
       SELECT uuid_v7(now()), $1, 'batch', ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 99)) || CASE n WHEN 1 THEN (SELECT id FROM own LIMIT 1) ELSE gen_random_uuid() END,
         'taken', '', 'thank you', 1, now() FROM generate_series(1, 200) n`,
      [uuid, recipientId],
    );
    await api.pool.query("ANALYZE events; ANALYZE webhook_attempts");
    const { text, values } = bindStatement(eraseWebhookAnswers, { id: recipientId });
    const { rows } = await api.pool.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
      `EXPLAIN (ANALYZE, TIMING off, FORMAT json) ${text}`,
      values,
    );
    const nodes = nodesOf(rows[0]!["QUERY PLAN"][0].Plan);
    const compared = nodes.reduce(
      (sum, node) => sum + (node["Rows Removed by Join Filter"] ?? 0),
      0,
    );
    const read = nodes.map((node) => node["Actual Rows"] * node["Actual Loops"]);
    expect(compared).toBe(0);
    // 200 answers about 100 events each, and the 2,000 events of the recipient.
    expect(Math.max(...read)).toBeLessThanOrEqual(20_000);
    expect(await api.prisma.webhookAttempt.count({ where: { answer: null } })).toBe(1);
  });

  it("are sent what waits behind events that no longer exist, and what waits for none is removed", async () => {
    const { id } = await create("/all");
    await api.pool.query(
      `INSERT INTO event_deliveries (event_id, endpoint_id, due_at, created_at) VALUES (gen_random_uuid(), gen_random_uuid(), now(), now())`,
    );
    await api.pool.query(
      `INSERT INTO event_deliveries (event_id, endpoint_id, due_at, created_at) SELECT gen_random_uuid(), $1, now() - interval '1 hour', now() FROM generate_series(1, 250)`,
      [parsePublicId("webhookEndpoint", id)],
    );
    await engage(await insertPushDeliveries(api, recipientId), "opened");
    publish();
    await expect.poll(() => api.prisma.eventDelivery.count()).toBe(0);
    expect(kindsAt("/all")).toEqual(["delivery.opened"]);
  });

  it("filter by type and campaign, and what they name has to exist", async () => {
    const type = { name: "A type" };
    await api.send("PUT", "/v1/notification-types/task.deadline", type);
    const { id } = await create("/all", { types: ["task.deadline"] });
    const ids = await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] });
    const typeRow = await api.prisma.notificationType.findFirstOrThrow();
    const { notificationId } = (await api.prisma.delivery.findUniqueOrThrow({
      where: { id: ids[0]! },
    }))!;
    await api.prisma.notification.update({
      where: { id: notificationId! },
      data: { typeId: typeRow.id },
    });
    await engage(ids, "opened");
    const shared = await api.prisma.delivery.count({ where: { notificationId: notificationId! } });
    expect(await waiting(id)).toBe(shared);
    for (const wrong of [
      { types: ["unknown.type"] },
      { campaign: publicId("campaign", newUuid()) },
      { kinds: [] },
      { kinds: ["webhook.test"] },
      { url: "https://user:secret@example.org/" },
    ])
      expect((await api.send("PATCH", `/v1/webhook-endpoints/${id}`, wrong)).status).toBe(422);
    expect((await api.send("DELETE", `/v1/webhook-endpoints/${id}`)).status).toBe(204);
    expect(await api.prisma.eventDelivery.count()).toBe(0);
    expect((await api.send("GET", `/v1/webhook-endpoints/${id}`)).status).toBe(404);
  });
});

describe("forbidden URLs", () => {
  it("are refused at registration", async () => {
    const { port, forbidden } = await startWitness();
    const outbound = { privateSubnets: [], ports: [port], plain: true };
    const strict = await startApi({ database: api.database, config: { outbound } });
    onTestFinished(() => strict.stop());
    for (const url of forbiddenUrls(port)) {
      const { status } = await strict.send("POST", "/v1/webhook-endpoints", {
        url,
        description: "forbidden",
        kinds: allKinds,
      });
      expect([url, status]).toEqual([url, 422]);
    }
    expect(forbidden).toEqual([]);
  });

  it("are refused at sending, whatever was registered", async () => {
    const witness = await startWitness();
    const { id } = await create("/all");
    const http = createOutboundClient({
      rules: { privateSubnets: subnets("127.7.7.7/32"), ports: [witness.port], plain: true },
      resolve: resolveForbidden,
    });
    const uuid = parsePublicId("webhookEndpoint", id)!;
    const environment = new MockActivityEnvironment();
    const activity = createPublishEvents({
      pool: api.pool,
      gates: createGates(api.pool),
      receiver: null,
      http,
      sealer: createSealer({ pool: api.pool, masterKeys: [masterKey("k1")] }),
      retry: { baseMs: 1, capMs: 1, attempts: 10 },
      sweepMs: 1,
    });
    const running = environment.run(activity) as Promise<void>;
    stop = async () => {
      environment.cancel("WORKER_SHUTDOWN");
      await running;
      await http.close();
    };
    let tried = 0;
    for (const url of forbiddenUrls(witness.port).slice(0, 40)) {
      await api.prisma.webhookEndpoint.update({ where: { id: uuid }, data: { url } });
      await api.send("POST", `/v1/webhook-endpoints/${id}/test`);
      tried += 1;
      await expect.poll(() => api.prisma.webhookAttempt.count()).toBe(tried);
    }
    const attempts = await api.prisma.webhookAttempt.findMany();
    expect(new Set(attempts.map(({ outcome }) => outcome))).toEqual(new Set(["unavailable"]));
    expect(witness.forbidden).toEqual([]);
  });
});
