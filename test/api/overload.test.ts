import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { createTokens } from "../../domain/tokens.ts";
import { transactionLimits } from "../support/patience.ts";
import { parseMetrics, sampleOf } from "../support/prometheus.ts";
import {
  type Api,
  makeKey,
  type Reply,
  sampleTemplate,
  seed,
  startApi,
  tokenSecret,
} from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 20);
});
afterAll(() => api.stop());

const tokens = createTokens([tokenSecret]);
const as = ({ secret }: { secret: string }) => ({ authorization: `Bearer ${secret}` });
const notify = (recipient: string, headers?: Record<string, string>) =>
  api.send(
    "POST",
    "/v1/notifications",
    { recipients: [recipient], template: { key: sampleTemplate.key }, data: { order: "A-17" } },
    headers,
  );

/** A link by which the recipient is done with a message of theirs. */
async function linkFor(recipient: string, action: "complete" | "snooze" = "complete") {
  const { body } = await notify(recipient);
  const notification = parsePublicId("notification", body.id)!;
  const row = await api.prisma.delivery.findFirstOrThrow({
    where: { notificationId: notification },
  });
  return tokens.signActionToken({
    target: { delivery: row.id },
    action: action === "snooze" ? { action, minutes: 60 } : { action },
    expiresAt: new Date(Date.now() + 3_600_000),
  });
}

const press = async (token: string) =>
  api.app.request(`/a/${token}`, { method: "POST", headers: { accept: "application/json" } });

/** Takes every connection for lists and for Prisma, as slow reads and changes do, until the test gives them back. */
async function takeConnections() {
  const { max } = api.pool.options;
  const lists = await Promise.all(Array.from({ length: max }, () => api.pool.connect()));
  const ends: (() => void)[] = [];
  const transactions = Array.from({ length: 10 }, () =>
    api.prisma.$transaction(
      (tx) =>
        new Promise<void>((end, fail) => {
          tx.$queryRaw`SELECT 1`.then(() => ends.push(end), fail);
        }),
      transactionLimits,
    ),
  );
  await expect.poll(() => ends.length).toBe(10);
  let given = false;
  const giveBack = async () => {
    if (given) return;
    given = true;
    for (const client of lists) client.release();
    for (const end of ends) end();
    await Promise.all(transactions);
  };
  onTestFinished(giveBack);
  return giveBack;
}

const open = async (name: string, state: "under_way" | "waiting") =>
  sampleOf(parseMetrics(await api.metrics.registry.metrics()), "tidings_http_requests_open", {
    class: name,
    state,
  });

const countBy = (statuses: readonly number[]) =>
  Object.fromEntries(
    [...new Set(statuses)]
      .sort((a, b) => a - b)
      .map((status) => [status, statuses.filter((one) => one === status).length]),
  );

describe("while every connection for reads and changes is taken", () => {
  it("notifications are accepted, links are good, new keys are known, and probes answer", async () => {
    const key = await makeKey(api, { role: "sender" });
    const link = await linkFor("u1");
    await takeConnections();
    expect((await notify("u2", as(key))).status).toBe(202);
    const critical = { authorization: as(key).authorization, "idempotency-key": "once" };
    expect((await notify("u3", critical)).status).toBe(202);
    expect((await press(link)).status).toBe(200);
    for (const path of ["/healthz", "/readyz"])
      expect((await api.app.request(path)).status).toBe(200);
  });

  it("forty heavy previews take turns, and leave accepting and others alone", async () => {
    const [viewer, other, sender] = await Promise.all([
      makeKey(api, { role: "viewer" }),
      makeKey(api, { role: "viewer" }),
      makeKey(api, { role: "sender" }),
    ]);
    const preview = (key: { secret: string }) =>
      api.send(
        "POST",
        "/v1/segments/preview",
        { filter: { attribute: "even", equals: true } },
        as(key),
      );
    const giveBack = await takeConnections();
    const refused: Reply[] = [];
    const previews = Array.from({ length: 40 }, () =>
      preview(viewer).then((reply) => {
        if (reply.status !== 200) refused.push(reply);
        return reply.status;
      }),
    );
    // Requests that would not get their turn in time are refused at once, while the others still wait.
    await expect.poll(() => refused.length).toBe(23);
    for (const { status, headers } of refused) {
      expect(status).toBe(429);
      expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    }
    expect([await open("heavy", "under_way"), await open("heavy", "waiting")]).toEqual([1, 16]);
    const others = preview(other);
    await expect.poll(() => open("heavy", "under_way")).toBe(2);
    const accepted = await Promise.all(
      Array.from({ length: 40 }, (_, n) => notify(`u${n % 20}`, as(sender))),
    );
    expect(countBy(accepted.map(({ status }) => status))).toEqual({ 202: 40 });
    await giveBack();
    // On a slow machine one of them may have waited for a connection longer than it is worth while.
    expect([200, 503]).toContain((await others).status);
    const { 200: shown = 0, 503: late = 0, ...rest } = countBy(await Promise.all(previews));
    expect([shown + late, rest]).toEqual([17, { 429: 23 }]);
  });

  it("a thousand lists are bounded, refused early with when to come again, and other callers have their turn", async () => {
    const [crowd, lone] = await Promise.all([
      makeKey(api, { role: "viewer" }),
      makeKey(api, { role: "viewer" }),
    ]);
    const list = (key: { secret: string }) =>
      api.send("GET", "/v1/deliveries?limit=1", undefined, as(key));
    const giveBack = await takeConnections();
    const refused: Reply[] = [];
    const lists = Array.from({ length: 1_000 }, () =>
      list(crowd).then((reply) => {
        if (reply.status !== 200) refused.push(reply);
        return reply.status;
      }),
    );
    await expect.poll(() => refused.length).toBeGreaterThanOrEqual(864);
    for (const { headers, body } of refused) {
      expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(body.type).toMatch(/too-many-requests|overloaded/);
    }
    const apart = list(lone);
    await expect.poll(() => open("read", "under_way")).toBeGreaterThan(8);
    expect((await api.app.request("/healthz")).status).toBe(200);
    await giveBack();
    expect([200, 503]).toContain((await apart).status);
    for (const status of await Promise.all(lists)) expect([200, 429, 503]).toContain(status);
  });
});

describe("a link that is pressed again and again", () => {
  /** Holds the row of a recipient against everything that locks it. */
  async function holdRecipient(externalId: string) {
    const client = new pg.Client({ connectionString: api.url });
    await client.connect();
    await client.query("BEGIN");
    await client.query("SELECT FROM recipients WHERE external_id = $1 FOR UPDATE", [externalId]);
    onTestFinished(() => client.end());
  }

  it.each(["complete", "snooze"] as const)(
    "is answered without a lock once it is done: %s",
    async (action) => {
      const link = await linkFor("u4", action);
      const first = await (await press(link)).json();
      await holdRecipient("u4");
      const again = await press(link);
      expect([again.status, await again.json()]).toEqual([200, first]);
    },
  );

  it("waits for a lock with one connection, and for a while only: others go on", async () => {
    const [link, others] = [await linkFor("u5"), await linkFor("u6")];
    await holdRecipient("u5");
    const pressed = Array.from({ length: 20 }, () => press(link));
    await expect.poll(() => open("public", "under_way")).toBe(4);
    await expect
      .poll(() => api.publicPool.totalCount - api.publicPool.idleCount)
      .toBeLessThanOrEqual(1);
    expect((await press(others)).status).toBe(200);
    expect((await notify("u7")).status).toBe(202);
    for (const response of await Promise.all(pressed)) {
      expect(response.status).toBe(503);
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    }
  });

  it("is good for so many presses a minute, and a link to view something leads there all the same", async () => {
    const link = await linkFor("u8");
    const statuses: number[] = [];
    for (let n = 0; n < 31; n += 1) statuses.push((await press(link)).status);
    expect(countBy(statuses)).toEqual({ 200: 30, 429: 1 });
    const refused = await api.app.request(`/a/${link}`, {
      method: "POST",
      headers: { accept: "text/html" },
    });
    expect([refused.status, refused.headers.get("content-type")]).toEqual([
      429,
      "text/html; charset=utf-8",
    ]);
    const { body } = await notify("u8");
    const row = await api.prisma.delivery.findFirstOrThrow({
      where: { notificationId: parsePublicId("notification", body.id)! },
    });
    const look = await tokens.signActionToken({
      target: { delivery: row.id },
      action: { action: "view", url: "https://example.org/17" },
      expiresAt: new Date(Date.now() + 3_600_000),
    });
    for (let n = 0; n < 32; n += 1)
      expect((await api.app.request(`/a/${look}`)).headers.get("location")).toBe(
        "https://example.org/17",
      );
  });

  it("takes the form that a mail program or a button sends along", async () => {
    const response = await api.app.request(`/a/${await linkFor("u9")}`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "List-Unsubscribe=One-Click",
    });
    expect(response.status).toBe(200);
  });
});

describe("a body full of faults", () => {
  const unknownFields = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`field${n}`, n]));

  it("of a stranger is refused by its size, before it is read", async () => {
    const reply = await api.send("POST", "/v1/actions", unknownFields(100_000));
    expect([reply.status, reply.body.detail]).toEqual([413, "Send a body of at most 16384 bytes."]);
  });

  it("lists a hundred of them, and says how many more there are", async () => {
    const reply = await api.send("POST", "/v1/notifications", unknownFields(50_000));
    expect([reply.status, reply.body.errors.length]).toEqual([422, 100]);
    // Beside these: the recipients are missing.
    expect(reply.body.moreErrors).toBe(50_000 + 1 - 100);
    expect(JSON.stringify(reply.body).length).toBeLessThan(20_000);
    const few = await api.send("POST", "/v1/notifications", unknownFields(3));
    expect(few.body).not.toHaveProperty("moreErrors");
  });
});

describe("keys that there are not", () => {
  const madeUp = (n: number) => ({ secret: `tdg_${String(n).padStart(43, "x")}` });

  it("are looked up together, once, and not at all where they cannot be keys", async () => {
    const query = api.lookupPool.query.bind(api.lookupPool) as (...args: unknown[]) => unknown;
    let lookUps = 0;
    api.lookupPool.query = ((...args: unknown[]) => {
      if ((args[0] as { name?: string }).name === "find-keys") lookUps += 1;
      return query(...args);
    }) as typeof api.lookupPool.query;
    onTestFinished(() => void (api.lookupPool.query = query as typeof api.lookupPool.query));
    const ask = async (key: { secret: string }) =>
      (await api.send("GET", "/v1/audit", undefined, as(key))).status;
    const keys = Array.from({ length: 400 }, (_, n) => madeUp(n));
    expect(countBy(await Promise.all(keys.map(ask)))).toEqual({ 401: 400 });
    expect(lookUps).toBeLessThan(10);
    const before = lookUps;
    await Promise.all(keys.slice(0, 50).map(ask));
    await Promise.all(keys.map((_, n) => ask({ secret: `no-key-${n}` })));
    expect(lookUps).toBe(before);
  });

  it("have a line each in the log until it is enough", async () => {
    const before = api.logged.length;
    for (let n = 0; n < 200; n += 1) await api.app.request("/v1/audit");
    const lines = api.logged.slice(before).filter((line) => line.includes("unauthorized"));
    expect(lines.length).toBeLessThanOrEqual(20);
  });
});

describe("every answer with JSON", () => {
  it("is kept by nobody, and taken for nothing else", async () => {
    const replies = await Promise.all([
      api.send("GET", "/v1/recipients/u0"),
      api.send("GET", "/v1/recipients/nobody"),
      api.send("POST", "/v1/notifications", "{"),
      api.send("GET", "/openapi.json"),
      api.send("GET", "/nowhere"),
      api.app.request("/v1/audit"),
    ]);
    for (const { status, headers } of replies)
      expect([status, headers.get("cache-control"), headers.get("x-content-type-options")]).toEqual(
        [status, "no-store", "nosniff"],
      );
  });
});
