import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { freePort } from "../../cli/stack/ports.ts";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import type { OutboundRequest } from "../../lib/outbound/exchange.ts";
import { certificate } from "./certificate.ts";
import { subnets } from "../support/outbound.ts";
import { answer, loopbackClient, post, serve } from "./servers.ts";

const urlOf = ({ port }: { port: number }, path = "/") => `http://127.0.0.1:${port}${path}`;
const quickly = 200;

describe("an answer", () => {
  it("has its status, the headers that were asked for and its text", async () => {
    const server = await serve((socket) =>
      socket.write(answer("422 Unprocessable", "no – thanks", ["Retry-After: 7", "X-Other: a"])),
    );
    const client = loopbackClient(server.port);
    const outcome = await client.send(
      post(urlOf(server, "/hook?a=1#fragment"), { wantedHeaders: ["retry-after", "x-missing"] }),
    );
    expect(outcome).toEqual({
      kind: "answered",
      status: 422,
      headers: { "retry-after": "7" },
      text: "no – thanks",
      complete: true,
    });
    expect(server.received).toMatch(/^POST \/hook\?a=1 HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
    expect(server.received).toMatch(/\r\naccept-encoding: identity\r\n/);
    expect(server.received).toMatch(/\r\ncontent-length: 5\r\n\r\nhello$/);
  });

  it.each([301, 302, 303, 307, 308])("of %i is not followed", async (status) => {
    const other = await serve((socket) => socket.write(answer("200 OK")));
    const server = await serve((socket) =>
      socket.write(answer(`${status} Elsewhere`, "", [`location: ${urlOf(other)}`])),
    );
    const client = createOutboundClient({
      rules: {
        privateSubnets: subnets("127.0.0.1/32"),
        ports: [server.port, other.port],
        plain: true,
      },
    });
    expect(await client.send(post(urlOf(server)))).toMatchObject({ kind: "answered", status });
    expect(other.connections).toBe(0);
    await client.close();
  });

  it("without end is read up to the limit, and its connection ends", async () => {
    let isClosed = false;
    const server = await serve((socket) => {
      socket.on("close", () => (isClosed = true));
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const more = () => {
        while (!socket.destroyed && socket.write("a".repeat(65_536)));
      };
      socket.on("drain", more);
      more();
    });
    const client = loopbackClient(server.port, { maxAnswerBytes: 1_000 });
    expect(await client.send(post(urlOf(server)))).toMatchObject({
      status: 200,
      text: "a".repeat(1_000),
      complete: false,
    });
    await expect.poll(() => isClosed).toBe(true);
  });

  it("in endless chunks is read up to the limit", async () => {
    const server = await serve((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      const more = () => {
        while (!socket.destroyed && socket.write(`1\r\na\r\n`.repeat(1_000)));
      };
      socket.on("drain", more);
      more();
    });
    const client = loopbackClient(server.port, { maxAnswerBytes: 10 });
    expect(await client.send(post(urlOf(server)))).toMatchObject({
      text: "a".repeat(10),
      complete: false,
    });
  });

  it("that is compressed although nobody asked for that is not decompressed", async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    expect(bomb.length).toBeLessThan(20_000);
    const server = await serve((socket) => {
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`,
      );
      socket.write(bomb);
    });
    const client = loopbackClient(server.port);
    expect(await client.send(post(urlOf(server)))).toMatchObject({
      status: 200,
      text: null,
      complete: true,
    });
  });

  it("that stops in the middle of its body is an answer, and incomplete", async () => {
    const server = await serve((socket) =>
      socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
    );
    expect(await loopbackClient(server.port).send(post(urlOf(server)))).toEqual({
      kind: "answered",
      status: 200,
      headers: {},
      text: "half",
      complete: false,
    });
  });

  it("whose body does not arrive in time is an answer, and incomplete", async () => {
    const server = await serve((socket) =>
      socket.write("HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\nslow"),
    );
    const client = loopbackClient(server.port, { bodyMs: quickly });
    expect(await client.send(post(urlOf(server)))).toMatchObject({
      status: 202,
      text: "slow",
      complete: false,
    });
  });

  it("may follow interim answers", async () => {
    const server = await serve((socket) =>
      socket.write(
        `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${answer("200 OK", "final")}`,
      ),
    );
    expect(await loopbackClient(server.port).send(post(urlOf(server)))).toMatchObject({
      status: 200,
      text: "final",
    });
  });

  it("that comes before the whole request was read is an answer", async () => {
    const server = await serve((socket) => {
      socket.end(answer("413 Too Large", "", ["connection: close"]));
      socket.pause();
    });
    const client = loopbackClient(server.port);
    const body = "a".repeat(5_000_000);
    expect(await client.send(post(urlOf(server), { body }))).toMatchObject({ status: 413 });
  });
});

describe("no answer, though the request may have arrived, is what a sender learns if", () => {
  const script = (write: (socket: Socket) => void) => serve((socket) => write(socket));

  it.each<[string, string, (socket: Socket) => void]>([
    ["the connection is cut after the request", "cut", (socket) => socket.destroy()],
    ["the connection is reset after the request", "cut", (socket) => socket.resetAndDestroy()],
    ["the connection ends without a byte", "cut", (socket) => socket.end()],
    ["half a status line comes", "cut", (socket) => socket.end("HTTP/1.1 2")],
    ["half of the headers come", "cut", (socket) => socket.end("HTTP/1.1 200 OK\r\nx-a: b")],
    ["only an interim answer comes", "cut", (socket) => socket.end("HTTP/1.1 103 Hints\r\n\r\n")],
    ["something else than HTTP comes", "malformed", (socket) => socket.end("220 mail ESMTP\r\n")],
    [
      "the protocol changes unasked",
      "cut",
      (socket) =>
        socket.end("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    ],
    [
      "the length is given twice",
      "cut",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
    ],
    [
      "the headers are too large",
      "malformed",
      (socket) => socket.write(answer("200 OK", "", [`x-bomb: ${"a".repeat(1_000_000)}`])),
    ],
    [
      "there are too many headers",
      "malformed",
      (socket) => socket.write(answer("200 OK", "", Array<string>(100_000).fill("x-bomb: a"))),
    ],
  ])("%s", async (_, reason, write) => {
    const server = await script(write);
    const outcome = await loopbackClient(server.port).send(post(urlOf(server)));
    expect(outcome).toMatchObject({ kind: "no_answer", reason });
    expect(server.received).toContain("POST / HTTP/1.1");
    expect(server.connections).toBe(1);
  });

  it("the headers come too slowly, however steadily", async () => {
    const server = await script((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      const drip = setInterval(() => socket.write("x-drip: a\r\n"), 10);
      socket.on("close", () => clearInterval(drip));
    });
    const client = loopbackClient(server.port, { headersMs: quickly });
    expect(await client.send(post(urlOf(server)))).toMatchObject({
      kind: "no_answer",
      reason: "deadline",
      detail: "no answer in time",
    });
  });

  it("interim answers come for ever", async () => {
    const server = await script((socket) => {
      const drip = setInterval(() => socket.write("HTTP/1.1 103 Hints\r\n\r\n"), 10);
      socket.on("close", () => clearInterval(drip));
    });
    const client = loopbackClient(server.port, { headersMs: quickly });
    expect(await client.send(post(urlOf(server)))).toMatchObject({
      kind: "no_answer",
      reason: "deadline",
    });
  });

  it("its signal stops it while it waits for the answer, and the connection ends", async () => {
    const held: Socket[] = [];
    const server = await serve((socket) => held.push(socket));
    const stop = new AbortController();
    const client = loopbackClient(server.port);
    const sent = client.send(post(urlOf(server), { signal: stop.signal }));
    await expect.poll(() => held.length).toBe(1);
    stop.abort();
    expect(await sent).toMatchObject({ kind: "no_answer", reason: "aborted" });
    await expect.poll(() => held[0]!.readableEnded || held[0]!.destroyed).toBe(true);
  });

  it("a kept connection is cut as the next request is written, which is not repeated", async () => {
    let requests = 0;
    const server = await serve((socket) => {
      requests += 1;
      if (requests === 1) socket.write(answer("200 OK"));
      else socket.destroy();
    });
    const client = loopbackClient(server.port);
    await client.send(post(urlOf(server)));
    for (const method of ["POST", "GET"]) {
      const body: Partial<OutboundRequest> = method === "GET" ? { body: "" } : {};
      expect(await client.send(post(urlOf(server), { method, ...body }))).toMatchObject({
        kind: "no_answer",
        reason: "cut",
      });
    }
    expect(requests).toBe(3);
  });
});

describe("nothing was sent, as a sender learns reliably, if", () => {
  it("nobody listens", async () => {
    const port = await freePort();
    expect(await loopbackClient(port).send(post(`http://127.0.0.1:${port}/`))).toMatchObject({
      kind: "not_sent",
      reason: "connect",
      code: "ECONNREFUSED",
      detail: "no connection: ECONNREFUSED",
    });
  });

  it("the name does not resolve, or not in time", async () => {
    const resolve = (host: string) =>
      host.startsWith("slow")
        ? new Promise<never>(() => {})
        : Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" }));
    const client = loopbackClient(80, { resolve, connectMs: quickly });
    for (const name of ["slow", "unknown"])
      expect(await client.send(post(`http://${name}.example.test/`))).toMatchObject({
        kind: "not_sent",
        reason: "name",
      });
  });

  it("its deadline or its signal comes while the name is resolved", async () => {
    const asked: ((addresses: readonly string[]) => void)[] = [];
    const server = await serve((socket) => socket.write(answer("200 OK")));
    const client = loopbackClient(server.port, {
      resolve: () => new Promise((resolve) => asked.push(resolve)),
    });
    const url = `http://hooks.example.test:${server.port}/`;
    expect(await client.send(post(url, { deadlineMs: 20, body: "late" }))).toMatchObject({
      kind: "not_sent",
      reason: "deadline",
    });
    const stop = new AbortController();
    const sent = client.send(post(url, { signal: stop.signal, body: "stopped" }));
    await expect.poll(() => asked.length).toBe(2);
    stop.abort();
    expect(await sent).toMatchObject({ kind: "not_sent", reason: "aborted" });
    for (const resolve of asked) resolve(["127.0.0.1"]);
    const later = client.send(post(url, { body: "later" }));
    await expect.poll(() => asked.length).toBe(3);
    asked[2]!(["127.0.0.1"]);
    expect(await later).toMatchObject({ kind: "answered" });
    expect(server.received).not.toMatch(/late\b|stopped/);
  });

  it("its signal came before it was asked for", async () => {
    const server = await serve((socket) => socket.write(answer("200 OK")));
    const outcome = await loopbackClient(server.port).send(
      post(urlOf(server), { signal: AbortSignal.abort() }),
    );
    expect(outcome).toMatchObject({ kind: "not_sent", reason: "aborted" });
    expect(server.connections).toBe(0);
  });

  it("begin says no at the instant before the first byte", async () => {
    const server = await serve((socket) => socket.write(answer("200 OK")));
    const client = loopbackClient(server.port);
    const asked: string[] = [];
    const begin = () => {
      asked.push(server.received);
      return false;
    };
    expect(await client.send(post(urlOf(server), { begin, body: "withheld" }))).toMatchObject({
      kind: "not_sent",
      reason: "withheld",
    });
    expect(asked).toEqual([""]);
    expect(await client.send(post(urlOf(server), { begin: () => true }))).toMatchObject({
      kind: "answered",
    });
    expect(server.received).not.toContain("withheld");
    // Otherwise a message whose permission is shorter than a handshake would never be sent.
    expect(server.connections).toBe(1);
  });

  it("a kept connection was closed before the request: another is opened", async () => {
    const server = await serve((socket) => socket.end(answer("200 OK")));
    const client = loopbackClient(server.port);
    for (let i = 0; i < 5; i += 1) {
      expect(await client.send(post(urlOf(server)))).toMatchObject({ kind: "answered" });
      await expect.poll(() => server.ended).toBe(i + 1);
    }
  });
});

describe("TLS", () => {
  const trusting = { ca: certificate.cert, resolve: async () => ["127.0.0.1"] };
  const secure = () =>
    serve((socket) => socket.write(answer("200 OK", "secret")), { tls: certificate });

  it.each(["hooks.example.test", "HOOKS.example.test", "hooks.example.test.", "127.0.0.1"])(
    "is spoken to %s, whose certificate is for that name or address",
    async (host) => {
      const server = await secure();
      const client = loopbackClient(server.port, trusting);
      for (let i = 0; i < 3; i += 1)
        expect(await client.send(post(`https://${host}:${server.port}/`))).toMatchObject({
          kind: "answered",
          text: "secret",
        });
      expect(server.connections).toBe(1);
    },
  );

  it.each([
    ["other.example.test", trusting, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["127.0.0.2", trusting, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["hooks.example.test", { resolve: trusting.resolve }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ])(
    "with %s fails and nothing is sent if the certificate is wrong",
    async (host, options, code) => {
      const server = await serve((socket) => socket.write(answer("200 OK")), {
        tls: certificate,
        ...(host === "127.0.0.2" && { host }),
      });
      const client = loopbackClient(server.port, {
        ...options,
        rules: { privateSubnets: subnets("127.0.0.0/8"), ports: [server.port], plain: false },
      });
      expect(await client.send(post(`https://${host}:${server.port}/`))).toMatchObject({
        kind: "not_sent",
        reason: "tls",
        code,
      });
      expect(server.received).toBe("");
    },
  );

  it("fails and nothing is sent if the server speaks something else, hangs up or says nothing", async () => {
    const greetings = {
      plain: (socket: Socket) => socket.end("220 mail ESMTP\r\n"),
      closed: (socket: Socket) => socket.destroy(),
      silent: () => {},
    };
    for (const [name, greet] of Object.entries(greetings)) {
      const { port } = await serve(() => {}, { greet });
      const client = loopbackClient(port, name === "silent" ? { connectMs: quickly } : {});
      expect({ name, ...(await client.send(post(`https://127.0.0.1:${port}/`))) }).toMatchObject({
        name,
        kind: "not_sent",
        reason: "tls",
      });
    }
  });
});
