import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import { createTokens } from "../../domain/tokens.ts";
import { type ApiProcess, startApiProcess } from "../support/api-process.ts";
import { followEvents } from "../support/event-stream.ts";
import { addItems } from "../support/inbox.ts";
import { patience } from "../support/patience.ts";
import { type Api, seed, startApi, tokenSecret } from "./harness.ts";

const heartbeatMs = 600;

let api: Api;
let now = () => new Date();
beforeAll(async () => {
  api = await startApi({ config: { inboxStreams: 12, heartbeatMs }, clock: () => now() });
  await seed(api, 6);
});
afterAll(() => api.stop());

const open: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  now = () => new Date();
  await Promise.all(open.splice(0).map((stream) => stream.close().catch(() => {})));
});

const tokenOf = async (name: string, expiresInSeconds = 3_600): Promise<string> =>
  (
    await api.send("POST", `/v1/recipients/${name}/tokens`, {
      purposes: ["inbox"],
      expiresInSeconds,
    })
  ).body.token;
const idOf = async (name: string) =>
  (await api.prisma.recipient.findUniqueOrThrow({ where: { externalId: name } })).id;
const ask = (token: string, headers: Record<string, string> = {}, method = "GET") =>
  api.app.request("/v1/me/inbox/stream", {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
  });

/** Opens a stream, and resolves when its first event is there. */
async function follow(token: string, headers: Record<string, string> = {}) {
  const response = await ask(token, headers);
  expect(response.status).toBe(200);
  const stream = followEvents(response);
  open.push(stream);
  await expect.poll(() => stream.events.length, patience).toBeGreaterThan(0);
  return { ...stream, response };
}

const listening = () => expect.poll(() => api.hub.isListening, patience).toBe(true);

describe("a stream", () => {
  it("begins with the counts, and announces items and changes made elsewhere", async () => {
    const id = await idOf("u0");
    const stream = await follow(await tokenOf("u0"));
    const { headers } = stream.response;
    expect(headers.get("content-type")).toContain("text/event-stream");
    expect([headers.get("cache-control"), headers.get("x-accel-buffering")]).toEqual([
      "no-store",
      "no",
    ]);
    expect(stream.events[0]).toEqual({
      event: "counts",
      id: undefined,
      data: { unseen: 0, unread: 0 },
    });
    await listening();
    const [first, second] = await addItems(api.pool, id, 2);
    await addItems(api.pool, await idOf("u1"), 1);
    await expect.poll(() => stream.named("item").length, patience).toBe(2);
    expect(stream.named("item")).toMatchObject([
      { id: first, data: { id: first, title: "Item 0", readAt: null } },
      { id: second, data: { id: second } },
    ]);
    await expect
      .poll(() => stream.named("counts").at(-1)?.data, patience)
      .toEqual({ unseen: 2, unread: 2 });

    const mine = { authorization: `Bearer ${await tokenOf("u0")}` };
    const { body } = await api.send("PATCH", `/v1/me/inbox/${first}`, { read: true }, mine);
    await expect.poll(() => stream.named("changed"), patience).toHaveLength(1);
    expect(stream.named("changed")[0]!.data).toEqual({
      id: first,
      seenAt: body.seenAt,
      readAt: body.readAt,
      archivedAt: null,
    });
    await api.send("POST", "/v1/me/inbox/seen-all", { upTo: second }, mine);
    await api.send("POST", "/v1/me/inbox/read-all", { upTo: second }, mine);
    await expect.poll(() => stream.named("read-all"), patience).toHaveLength(1);
    expect(stream.named("seen-all")[0]!.data).toEqual({
      upTo: second,
      upToCreatedAt: stream.named("item")[1]!.data.createdAt,
      seenAt: expect.any(String) as string,
    });
    expect(stream.named("read-all")[0]!.data).toEqual({
      upTo: second,
      upToCreatedAt: stream.named("item")[1]!.data.createdAt,
      readAt: expect.any(String) as string,
    });
    await expect
      .poll(() => stream.named("counts").at(-1)?.data, patience)
      .toEqual({ unseen: 0, unread: 0 });
  });

  it("sends what a client missed since its last event, and a reset beyond that", async () => {
    const id = await idOf("u2");
    const ids = await addItems(api.pool, id, 5);
    const token = await tokenOf("u2");
    const stream = await follow(token, { "last-event-id": ids[1]! });
    await expect.poll(() => stream.named("item").length, patience).toBe(3);
    expect(stream.named("item").map((event) => event.id)).toEqual(ids.slice(2));
    expect(stream.events[0]!.event).toBe("counts");
    await addItems(api.pool, id, 101, { announced: false });
    const behind = await follow(token, { "last-event-id": ids.at(-1)! });
    await expect.poll(() => behind.named("reset").length, patience).toBe(1);
    expect(behind.named("item")).toEqual([]);
    expect((await ask(token, { "last-event-id": "17" })).status).toBe(422);
  });

  it("sends an item that was held and arrived after the last event, and resets after an item that is gone", async () => {
    const id = await idOf("u3");
    const token = await tokenOf("u3");
    const [known] = await addItems(api.pool, id, 1);
    const [held] = await addItems(api.pool, id, 1, {
      id: newUuid(new Date(Date.now() - 3_600_000)),
      announced: false,
    });
    const stream = await follow(token, { "last-event-id": known! });
    await expect
      .poll(() => stream.named("item").map((event) => event.id), patience)
      .toEqual([held]);
    const last = await follow(token, { "last-event-id": held! });
    await api.pool.query("DELETE FROM inbox_items WHERE recipient_id = $1", [id]);
    const gone = await follow(token, { "last-event-id": held! });
    await expect.poll(() => gone.named("reset").length, patience).toBe(1);
    expect([last, gone].map((one) => one.named("item"))).toEqual([[], []]);
  });

  it("heals a lost notification by its heartbeats", async () => {
    const stream = await follow(await tokenOf("u3"));
    await listening();
    await addItems(api.pool, await idOf("u3"), 1, { announced: false });
    await expect
      .poll(() => stream.named("heartbeat").at(-1)?.data, patience)
      .toEqual({ unseen: 1, unread: 1 });
    expect(stream.named("item")).toEqual([]);
  });

  it("goes on after the connection that listens was lost", async () => {
    const stream = await follow(await tokenOf("u4"));
    await listening();
    await api.pool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'test-listening'",
    );
    await expect.poll(() => api.hub.isListening, patience).toBe(false);
    await listening();
    const [item] = await addItems(api.pool, await idOf("u4"), 1);
    await expect.poll(() => stream.named("item").map(({ id }) => id), patience).toEqual([item]);
  });

  it("ends when its token expires", async () => {
    const stream = await follow(await tokenOf("u0", 60));
    expect(stream.hasEnded()).toBe(false);
    now = () => new Date(Date.now() + 61_000);
    await expect.poll(stream.hasEnded, patience).toBe(true);
  });

  it("ends when its token is revoked, and when its recipient is erased", async () => {
    const revoked = await follow(await tokenOf("u1"));
    await api.send("POST", "/v1/recipients/u1/revoke-links");
    await expect.poll(revoked.hasEnded, patience).toBe(true);
    const token = await tokenOf("u1");
    await addItems(api.pool, await idOf("u1"), 2);
    const erased = await follow(token);
    await api.send("DELETE", "/v1/recipients/u1");
    await expect.poll(erased.hasEnded, patience).toBe(true);
    expect((await ask(token)).status).toBe(401);
    const inbox = await api.send("GET", "/v1/me/inbox", undefined, {
      authorization: `Bearer ${token}`,
    });
    expect(inbox.status).toBe(401);
  });

  it("is limited in number for each recipient and each process, and leaves its place when it is closed", async () => {
    const token = await tokenOf("u0");
    const streams = [];
    for (let n = 0; n < 10; n++) streams.push(await follow(token));
    const eleventh = await ask(token);
    expect([eleventh.status, eleventh.headers.get("retry-after")]).toEqual([429, "5"]);
    await Promise.all([follow(await tokenOf("u3")), follow(await tokenOf("u4"))]);
    const other = await ask(await tokenOf("u5"));
    expect([other.status, other.headers.get("retry-after")]).toEqual([503, "5"]);
    await streams[0]!.close();
    await follow(token);
  });

  it("is not opened for a HEAD request, nor without a token for an inbox", async () => {
    const token = await tokenOf("u0");
    for (let n = 0; n < 15; n++) expect((await ask(token, {}, "HEAD")).status).toBe(200);
    await follow(token);
    const { body } = await api.send("POST", "/v1/recipients/u0/tokens", { purposes: ["push"] });
    expect((await ask(body.token)).status).toBe(403);
    expect((await ask("nonsense")).status).toBe(401);
  });

  it("is closed when its reader is too slow, while others go on", async () => {
    const id = await idOf("u5");
    const token = await tokenOf("u5");
    // Nobody reads this one.
    const slow = await ask(token);
    const quick = await follow(token);
    await listening();
    for (let n = 0; n < 8; n++) await addItems(api.pool, id, 10, { body: "x".repeat(10_000) });
    await expect.poll(() => quick.named("item").length, patience).toBe(80);
    const reader = slow.body!.getReader();
    await expect(
      (async () => {
        for (;;) if ((await reader.read()).done) return;
      })(),
    ).rejects.toThrow("too slow");
  });
});

describe("two API processes", () => {
  const processes: ApiProcess[] = [];
  afterAll(async () => {
    for (const { child } of processes) child.kill("SIGKILL");
    await Promise.all(processes.map(({ exited }) => exited));
  });

  it("share nothing but the database, and end their streams when they stop", async () => {
    const id = await idOf("u0");
    const authorization = `Bearer ${await tokenOf("u0")}`;
    processes.push(startApiProcess(api.url), startApiProcess(api.url));
    const urls = await Promise.all(processes.map(({ ready }) => ready));
    const streams = await Promise.all(
      urls.map(async (url) =>
        followEvents(await fetch(`${url}/v1/me/inbox/stream`, { headers: { authorization } })),
      ),
    );
    const listeners = async () =>
      (
        await api.pool.query(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tidings-api-listening' AND query NOT LIKE 'LISTEN%'",
        )
      ).rowCount;
    await expect.poll(listeners, patience).toBe(2);
    const [item] = await addItems(api.pool, id, 1);
    for (const stream of streams)
      await expect
        .poll(() => stream.named("item").map((event) => event.id), patience)
        .toContain(item);
    const changed = await fetch(`${urls[0]}/v1/me/inbox/${item}`, {
      method: "PATCH",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify({ read: true }),
    });
    expect(changed.status).toBe(200);
    await expect
      .poll(() => streams[1]!.named("changed").map(({ data }) => data.id), patience)
      .toEqual([item]);

    processes[0]!.child.kill("SIGTERM");
    expect((await processes[0]!.exited).code).toBe(0);
    await expect.poll(streams[0]!.hasEnded, patience).toBe(true);
    expect(streams[1]!.hasEnded()).toBe(false);
    await streams[1]!.close();
  });
});

it("there is no stream of a recipient who does not exist", async () => {
  const token = await createTokens([tokenSecret]).signRecipientToken({
    recipientId: newUuid(),
    expiresAt: new Date(Date.now() + 60_000),
    purposes: ["inbox"],
  });
  expect((await ask(token)).status).toBe(404);
});
