import { hostname } from "node:os";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { newUuid, publicId } from "../../domain/ids.ts";
import { startHeartbeat } from "../../ledger/heartbeat.ts";
import { followEvents } from "../support/event-stream.ts";
import { patience } from "../support/patience.ts";
import { type Api, apiKey, makeKey, seed, startApi } from "./harness.ts";

const alerts = { recipients: ["u0", "u1"], everyMs: 20 };
let api: Api;
let other: Api;
let worker: ReturnType<typeof startHeartbeat>;
let clockAheadMs = 0;
beforeAll(async () => {
  api = await startApi({ config: { alerts } });
  // Another process, which finds the same.
  other = await startApi({ config: { alerts }, database: api.database });
  worker = startHeartbeat({
    kind: "worker",
    pool: api.pool,
    clock: {
      get localAheadMs() {
        return clockAheadMs;
      },
      refresh: async () => {},
    },
    state: () => ({ taskQueues: [], isReady: true }),
    logger: { warn() {} },
    everyMs: 20,
  });
  await seed(api, 3);
});
afterEach(async () => {
  clockAheadMs = 0;
  await api.pool.query("DELETE FROM breakers; DELETE FROM campaigns; DELETE FROM open_deliveries");
  await vi.waitUntil(async () => (await openAlerts()).length === 0, patience);
  await api.pool.query("DELETE FROM alerts");
});
afterAll(async () => {
  await worker.stop();
  await other.stop();
  await api.stop();
});

const openAlerts = async () => (await api.send("GET", "/v1/alerts?state=open")).body.items;
const allAlerts = async () => (await api.send("GET", "/v1/alerts")).body.items;
const openBreaker = (provider = "smtp-1") =>
  api.pool.query(
    "INSERT INTO breakers (provider, channel, state, opened_at, reason) VALUES ($1, 'email', 'open', now(), '451 try later')",
    [provider],
  );

/** The only open alert, as soon as it is there and operators have been notified. */
async function awaitAlert() {
  await expect
    .poll(
      async () =>
        (await openAlerts()).map(({ notification }: { notification: string }) => notification),
      patience,
    )
    .toEqual([expect.stringMatching(/^ntf_/)]);
  return (await openAlerts())[0];
}

describe("an alert", () => {
  it("is opened once by several processes, and notifies every configured operator once", async () => {
    await openBreaker();
    const alert = await awaitAlert();
    expect(alert).toMatchObject({
      id: expect.stringMatching(/^alr_/),
      kind: "provider_down",
      subject: "smtp-1",
      title: "The provider smtp-1 is not used",
      detail: expect.stringContaining("451 try later"),
      path: "/providers",
      closedAt: null,
      acknowledgedAt: null,
    });
    const { body: notification } = await api.send("GET", `/v1/notifications/${alert.notification}`);
    expect(notification).toMatchObject({
      priority: "critical",
      createdBy: "tidings",
      data: {
        title: alert.title,
        detail: alert.detail,
        url: "https://tidings.example.org/console/providers",
      },
    });
    expect(notification.deliveries).toHaveLength(2);
    const { body: all } = await api.send("GET", "/v1/notifications?createdBy=tidings");
    expect(all.items).toHaveLength(1);
  });

  it("closes when its cause is gone, and goes on without another notification if it comes back soon", async () => {
    await openBreaker();
    const { id, notification } = await awaitAlert();
    await api.pool.query("UPDATE breakers SET state = 'closed'");
    await expect.poll(openAlerts, patience).toEqual([]);
    expect((await allAlerts())[0]).toMatchObject({ id, closedAt: expect.any(String) });
    await api.pool.query("UPDATE breakers SET state = 'open'");
    expect(await awaitAlert()).toMatchObject({ id, notification });
    expect(await allAlerts()).toHaveLength(1);
  });

  it("is another one if its cause comes back later", async () => {
    await openBreaker();
    const { id } = await awaitAlert();
    await api.pool.query("UPDATE breakers SET state = 'closed'");
    await expect.poll(openAlerts, patience).toEqual([]);
    await api.pool.query("UPDATE alerts SET closed_at = now() - interval '16 minutes'");
    await api.pool.query("UPDATE breakers SET state = 'open'");
    expect((await awaitAlert()).id).not.toBe(id);
    expect(await allAlerts()).toHaveLength(2);
  });

  it("is acknowledged by the first who does, which viewers cannot", async () => {
    await openBreaker();
    const { id } = await awaitAlert();
    const path = `/v1/alerts/${id}/acknowledge`;
    const asKey = async (role: "viewer" | "sender") => {
      const { secret } = await makeKey(api, { role });
      return (await api.send("POST", path, undefined, { authorization: `Bearer ${secret}` }))
        .status;
    };
    expect(await asKey("viewer")).toBe(403);
    const { body } = await api.send("POST", path);
    expect(body).toMatchObject({ acknowledgedBy: "bootstrap", acknowledgedAt: expect.any(String) });
    expect(await asKey("sender")).toBe(200);
    expect((await openAlerts())[0].acknowledgedBy).toBe("bootstrap");
    const { body: audit } = await api.send("GET", `/v1/audit?resource=${id}`);
    expect(audit.items.map(({ action }: { action: string }) => action)).toEqual([
      "alert.acknowledge",
    ]);
    const unknown = `/v1/alerts/${publicId("alert", newUuid())}/acknowledge`;
    expect((await api.send("POST", unknown)).status).toBe(404);
  });

  it("is announced to consoles", async () => {
    const response = await api.app.request("/v1/stream?topics=alerts", {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    const stream = followEvents(response);
    await openBreaker();
    const { id } = await awaitAlert();
    await expect
      .poll(() => stream.named("changed").flatMap(({ data }) => data.ids), patience)
      .toContain(id);
    await stream.close();
  });
});

async function createCampaign(change: string) {
  const { body } = await api.send("POST", "/v1/campaigns", {
    name: "A campaign",
    template: { key: "order-shipped" },
    audience: { all: true },
    data: { order: "1" },
  });
  await api.pool.query(`UPDATE campaigns SET ${change}`);
  return body.id as string;
}

describe("what is alerted", () => {
  it("is a campaign that Tidings has paused, and not one that an operator has", async () => {
    const id = await createCampaign("status = 'paused', pause_detail = '550 for a@example.org'");
    const alert = await awaitAlert();
    expect(alert).toMatchObject({ kind: "campaign_paused", subject: id, path: `/campaigns/${id}` });
    expect(JSON.stringify(alert)).not.toContain("a@example.org");
    await api.pool.query("UPDATE campaigns SET pause_detail = NULL");
    await expect.poll(openAlerts, patience).toEqual([]);
  });

  it("is a campaign that does not start", async () => {
    const id = await createCampaign(
      "status = 'running', start_at = now() - interval '11 minutes', frozen_at = NULL",
    );
    expect(await awaitAlert()).toMatchObject({ kind: "campaign_stuck", subject: id });
  });

  it("is a clock that is off", async () => {
    clockAheadMs = 60_000;
    expect(await awaitAlert()).toMatchObject({
      kind: "clock",
      subject: hostname(),
      detail: expect.stringContaining("60 s ahead of"),
    });
  });

  it("is a backlog beyond the policy’s threshold", async () => {
    const limitBacklog = async (warning: number, critical: number) => {
      const etag = (await api.send("GET", "/v1/policy")).headers.get("etag")!;
      const patch = { health: { backlog: { warning, critical } } };
      const { status } = await api.send("PATCH", "/v1/policy", patch, { "if-match": etag });
      expect(status).toBe(200);
    };
    await limitBacklog(1, 2);
    const ids = ["u0", "u1", "u2"];
    const sent = await api.send("POST", "/v1/notifications", {
      recipients: ids,
      template: { key: "order-shipped" },
      data: { order: "1" },
    });
    expect(sent.status).toBe(202);
    expect(await awaitAlert()).toMatchObject({ kind: "backlog", subject: "", path: "/queue" });
    await limitBacklog(100, 500);
  });
});

describe("a test of alerts", () => {
  it("notifies the configured operators each time", async () => {
    const { status, body } = await api.send("POST", "/v1/alerts/test");
    expect(status).toBe(202);
    const { body: again } = await api.send("POST", "/v1/alerts/test");
    expect(again.notification).not.toBe(body.notification);
    const { body: sent } = await api.send("GET", `/v1/notifications/${body.notification}`);
    expect(sent.data.detail).toContain("Nothing is wrong");
  });

  it("is refused without configured operators", async () => {
    const without = await startApi({ database: api.database });
    expect((await without.send("POST", "/v1/alerts/test")).status).toBe(409);
    await without.stop();
  });

  it("has the type tidings-alert if it exists", async () => {
    await api.send("POST", "/v1/notification-types", { key: "tidings-alert", name: "Alerts" });
    const { body } = await api.send("POST", "/v1/alerts/test");
    const { body: sent } = await api.send("GET", `/v1/notifications/${body.notification}`);
    expect(sent.type).toBe("tidings-alert");
  });
});

describe("a database that takes no writes", () => {
  it("is alerted by the process that finds it, although it cannot be stored", async () => {
    const own = await startApi({ config: { alerts } });
    const { url } = own.database;
    const options = "-c default_transaction_read_only=off";
    const admin = new pg.Client({ connectionString: url, options });
    await admin.connect();
    const setReadOnly = async (mode: "on" | "off") => {
      const name = new URL(url).pathname.slice(1);
      await admin.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = ${mode}`);
      await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
      );
    };
    const open = async () => (await own.send("GET", "/v1/alerts?state=open")).body.items ?? [];
    await setReadOnly("on");
    await expect
      .poll(open, patience)
      .toEqual([expect.objectContaining({ id: null, kind: "database", path: "/health" })]);
    await setReadOnly("off");
    await expect.poll(open, patience).toEqual([]);
    await admin.end();
    await own.stop();
  });
});
