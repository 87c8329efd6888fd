import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ApiProcess, startApiProcess } from "../support/api-process.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { apiKey } from "./harness.ts";

/* What a process does with connections: it is built and started, for most of that is done by its server. */

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const children: ApiProcess[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const { child } of children.splice(0)) child.kill("SIGKILL");
});

async function start(environment: Record<string, string> = {}): Promise<string> {
  const started = startApiProcess(database.url, environment);
  children.push(started);
  return started.ready;
}

/** A connection that sends a text and collects what comes back until it is closed. */
function converse(url: string, text: string) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  sockets.push(socket);
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  socket.on("error", () => {});
  const closed = once(socket, "close").then(() => answer);
  socket.write(text);
  return { socket, closed, answer: () => answer };
}

const head = (line: string, headers: Record<string, string>) =>
  [line, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), "", ""].join(
    "\r\n",
  );

/** All of a body of `/v1/actions` but its last byte. */
const halfBody = (bytes: number) =>
  head("POST /v1/actions HTTP/1.1", {
    Host: "localhost",
    "Content-Type": "application/json",
    "Content-Length": String(bytes),
  }) + `{"token":"${"x".repeat(bytes - 11)}`;

const authorization = `Bearer ${apiKey}`;

const statusOf = (url: string, host: string, path = "/v1/audit") =>
  new Promise<number>((resolve, reject) => {
    const sent = request(
      url,
      { path, headers: { host, authorization }, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode!);
      },
    );
    sent.on("error", reject);
    sent.end();
  });

describe("bodies that do not end", () => {
  it("are given up after their time, and their connections closed", async () => {
    const url = await start();
    const { closed } = converse(url, halfBody(1_000));
    expect(await closed).toMatch(/^HTTP\/1\.1 408 [^]*connection: close[^]*too-slow/i);
  });

  it("fill no memory: the oldest give way, and who sends all of theirs is heard", async () => {
    const url = await start();
    const held = Array.from({ length: 400 }, () => converse(url, halfBody(16_000)));
    // Four mebibytes are 262 of them.
    await expect
      .poll(() => held.filter(({ answer }) => answer().includes("503")).length)
      .toBeGreaterThanOrEqual(400 - 262);
    await expect
      .poll(() => held.filter(({ socket }) => !socket.closed).length)
      .toBeLessThanOrEqual(262);
    const whole = await fetch(`${url}/v1/actions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: "nobody.made.this" }),
    });
    expect([whole.status, (await fetch(`${url}/healthz`)).status]).toEqual([404, 200]);
  });
});

describe("a body over the limit", () => {
  const large = JSON.stringify({ key: "x".repeat(3_000_000) });
  const headers = { authorization, "content-type": "application/json" };

  it("has its answer, however its sender sends it", async () => {
    const url = await start();
    const send = (path: string, init: RequestInit) =>
      fetch(url + path, { method: "POST", ...init }).then(
        ({ status }) => status,
        (error: Error) => error.message,
      );
    const answers: unknown[] = [];
    for (let n = 0; n < 20; n += 1)
      answers.push(await send("/v1/templates", { headers, body: large }));
    answers.push(
      ...(await Promise.all(
        Array.from({ length: 10 }, () => send("/v1/templates", { headers, body: large })),
      )),
    );
    expect([...new Set(answers)]).toEqual([413]);
    const stream = new Blob([large]).stream();
    const streamed = { headers, body: stream, duplex: "half" } as RequestInit;
    expect(await send("/v1/templates", streamed)).toBe(413);
    // A caller that is refused for another reason, too.
    const wrong = { ...headers, authorization: "Bearer nobody" };
    expect(await send("/v1/templates", { headers: wrong, body: large })).toBe(401);
    expect(await send("/v1/nowhere", { headers, body: large })).toBe(404);
    expect(await send("/v1/recipients/import", { headers, body: large })).toBe(415);
  });

  it("has it when all was sent before anybody reads, and the connection is good for the next", async () => {
    const url = await start();
    const start413 = head("POST /v1/templates HTTP/1.1", {
      Host: "localhost",
      Authorization: authorization,
      "Content-Type": "application/json",
      "Content-Length": String(large.length),
    });
    const { socket, answer } = converse(url, start413);
    socket.pause();
    await new Promise((resolve) => socket.write(large, resolve));
    socket.resume();
    await expect.poll(answer).toMatch(/^HTTP\/1\.1 413 /);
    socket.write(head("GET /healthz HTTP/1.1", { Host: "localhost", Connection: "close" }));
    await expect.poll(answer).toMatch(/HTTP\/1\.1 200 OK[^]*"ok"/);
  });
});

describe("a request for another host", () => {
  it("is refused where only this machine is served", async () => {
    const url = await start({
      PUBLIC_URL: "https://notify.example.org",
      API_HOSTS: "tidings.internal",
    });
    const port = new URL(url).port;
    for (const host of [
      "localhost",
      `localhost:${port}`,
      `127.0.0.1:${port}`,
      `[::1]:${port}`,
      "notify.example.org",
      "tidings.internal:8080",
    ])
      expect([host, await statusOf(url, host)]).toEqual([host, 200]);
    for (const host of ["evil.example", `evil.example:${port}`, "localhost.evil.example", "a@b"])
      expect([host, [400, 421].includes(await statusOf(url, host))]).toEqual([host, true]);
  });

  it("is taken where others are served, unless hosts are named", async () => {
    const port = (url: string) => `http://127.0.0.1:${new URL(url).port}`;
    const open = port(await start({ API_HOST: "0.0.0.0" }));
    expect(await statusOf(open, "anything.example")).toBe(200);
    const named = port(await start({ API_HOST: "0.0.0.0", API_HOSTS: "tidings.internal" }));
    expect(await statusOf(named, "anything.example")).toBe(421);
    expect(await statusOf(named, "tidings.internal")).toBe(200);
  });
});

it("a path that is no URL is one that there is not", async () => {
  const url = await start();
  for (const path of ["//", "//v1", "/\\", "/%", "/..//"])
    expect([path, [302, 400, 404].includes(await statusOf(url, "localhost", path))]).toEqual([
      path,
      true,
    ]);
});

it("connections are bounded", async () => {
  const url = await start({ API_MAX_CONNECTIONS: "10" });
  const idle = Array.from({ length: 10 }, () => converse(url, ""));
  await Promise.all(idle.map(({ socket }) => once(socket, "connect")));
  const more = converse(url, "");
  expect(await more.closed).toBe("");
  for (const { socket } of idle) expect(socket.closed).toBe(false);
});

describe("the audit trail", () => {
  const revise = async (url: string, forwarded?: string) => {
    const sent = { "x-request-id": `request-${Math.random()}`.replace("0.", "") };
    await fetch(`${url}/v1/recipients/audited`, {
      method: "PUT",
      headers: {
        authorization,
        "content-type": "application/json",
        ...sent,
        ...(forwarded !== undefined && { "x-forwarded-for": forwarded }),
      },
      body: JSON.stringify({ attributes: { at: sent["x-request-id"] } }),
    });
    const key = await fetch(`${url}/v1/api-keys`, {
      method: "POST",
      headers: {
        authorization,
        "content-type": "application/json",
        ...sent,
        ...(forwarded !== undefined && { "x-forwarded-for": forwarded }),
      },
      body: JSON.stringify({ name: "audited", role: "metrics" }),
    });
    expect(key.status).toBe(201);
    const trail = await fetch(`${url}/v1/audit?requestId=${sent["x-request-id"]}`, {
      headers: { authorization },
    });
    const { items } = (await trail.json()) as { items: { address: string | null }[] };
    return items.map(({ address }) => address);
  };

  it("says where a key was used from: the address of the connection, whatever its headers say", async () => {
    expect(new Set(await revise(await start(), "198.51.100.7"))).toEqual(new Set(["127.0.0.1"]));
  });

  it("goes by what trusted proxies say, and by no other", async () => {
    const url = await start({ API_TRUSTED_PROXIES: "2" });
    const told = await revise(url, "10.9.9.9, 198.51.100.7, 10.0.0.1");
    expect(new Set(told)).toEqual(new Set(["198.51.100.7"]));
    expect(new Set(await revise(url, "not an address, 10.0.0.1"))).toEqual(new Set([null]));
  });
});
