import { describe, expect, it, onTestFinished } from "vitest";
import { ConfigurationError, readEnvironment } from "../../config/environment.ts";
import { outboundVariables, receiverFaults } from "../../config/outbound.ts";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import type { Outcome } from "../../lib/outbound/outcome.ts";
import {
  forbiddenAnswers,
  forbiddenUrls,
  literalUrls,
  malformedUrls,
  namedUrls,
  resolveForbidden,
  startWitness,
} from "../support/forbidden-urls.ts";
import { subnets } from "../support/outbound.ts";
import { answer, loopbackClient, post, serve } from "./servers.ts";

/** A client to which every port and plain http are allowed, so that only the address decides. */
function strictClient(port: number, resolve?: (host: string) => Promise<readonly string[]>) {
  const client = createOutboundClient({
    rules: { privateSubnets: [], ports: [port], plain: true },
    ...(resolve && { resolve }),
  });
  onTestFinished(() => client.close());
  return client;
}

/** No part of the outcome that lesser roles see has an address in it. */
const detailOf = (outcome: Outcome) => ("detail" in outcome ? outcome.detail : "");
const unreachable = "the host is unknown or not allowed";

describe("an address that is not public", () => {
  it("is refused in every spelling, without a connection and without a look-up", async () => {
    const { port, forbidden } = await startWitness();
    const asked: string[] = [];
    const client = strictClient(port, async (host) => {
      asked.push(host);
      return ["127.0.0.1"];
    });
    const urls = literalUrls(port);
    expect(urls.length).toBeGreaterThan(80);
    for (const url of urls) {
      const outcome = await client.send(post(url));
      expect({ url, ...outcome }).toMatchObject({
        url,
        kind: "refused",
        reason: expect.stringMatching(/^(address|metadata)$/),
        detail: unreachable,
      });
    }
    expect(asked).toEqual([]);
    expect(forbidden).toEqual([]);
  });

  it("is reached in odd spellings where its range is allowed, which shows that the refusals are not by accident", async () => {
    const server = await serve((socket) => socket.write(answer("200 OK")));
    const client = loopbackClient(server.port);
    for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "0177.1", "127.0.0.1.", "①②⑦.0.0.1"])
      expect({
        host,
        ...(await client.send(post(`http://${host}:${server.port}/`))),
      }).toMatchObject({
        host,
        kind: "answered",
        status: 200,
      });
    expect(server.connections).toBe(1);
  });

  it.each(forbiddenAnswers)(
    "is refused where the resolver answers with %s",
    async (_, addresses) => {
      const { port, forbidden } = await startWitness();
      const client = strictClient(port, async () => addresses);
      const outcome = await client.send(post(`http://hooks.example.test:${port}/`));
      expect(outcome).toMatchObject({ kind: "refused", detail: unreachable });
      expect(forbidden).toEqual([]);
    },
  );

  it("is refused under every name that leads to it, also by aliases", async () => {
    const { port, forbidden } = await startWitness();
    const client = strictClient(port, resolveForbidden);
    for (const url of namedUrls(port))
      expect({ url, ...(await client.send(post(url))) }).toMatchObject({
        url,
        kind: "refused",
        reason: expect.stringMatching(/^(address|metadata)$/),
        detail: unreachable,
      });
    expect(forbidden).toEqual([]);
  });

  it.each(["localhost", "LOCALHOST", "localhost.", "LocalHost."])(
    "is refused where the system resolves %s",
    async (host) => {
      const { port, forbidden } = await startWitness();
      const outcome = await strictClient(port).send(post(`http://${host}:${port}/`));
      expect(outcome.kind).not.toBe("answered");
      expect(detailOf(outcome)).toBe(unreachable);
      expect(forbidden).toEqual([]);
    },
  );

  it("cannot be distinguished from an unknown host by the detail that all roles see", async () => {
    const client = strictClient(80, async (host) => {
      if (host === "internal.example.test") return ["10.1.2.3"];
      throw Object.assign(new Error("no such host"), { code: "ENOTFOUND" });
    });
    const known = await client.send(post("http://internal.example.test/"));
    const unknown = await client.send(post("http://other.example.test/"));
    expect([known.kind, unknown.kind]).toEqual(["refused", "not_sent"]);
    expect(detailOf(known)).toBe(detailOf(unknown));
    expect(known).toMatchObject({ reason: "address", address: "10.1.2.3" });
  });
});

describe("a host whose addresses change", () => {
  it("is resolved once for each connection, which goes to the address that was checked", async () => {
    const allowed = await serve((socket) =>
      socket.end(answer("200 OK", "", ["connection: close"])),
    );
    let forbidden = 0;
    const other = await serve(() => {}, { host: "127.0.0.2" });
    const answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.1"]];
    const client = loopbackClient(allowed.port, { resolve: async () => answers[forbidden++]! });
    const url = `http://rebinding.example.test:${allowed.port}/`;
    const kinds: string[] = [];
    for (const _ of answers) kinds.push((await client.send(post(url))).kind);
    expect(kinds).toEqual(["answered", "refused", "refused", "answered"]);
    expect(forbidden).toBe(4);
    expect([allowed.connections, other.connections]).toEqual([2, 0]);
  });
});

describe("a URL", () => {
  it("that is malformed, has another scheme or credentials is refused before a look-up", async () => {
    const { port, forbidden } = await startWitness();
    const asked: string[] = [];
    const client = createOutboundClient({
      rules: { privateSubnets: subnets("127.0.0.0/8", "::1/128"), ports: [port], plain: true },
      resolve: async (host) => {
        asked.push(host);
        return [];
      },
    });
    for (const url of malformedUrls(port))
      expect({ url, ...(await client.send(post(url))) }).toMatchObject({
        url,
        kind: "refused",
        reason: "url",
      });
    expect(asked).toEqual([]);
    expect(forbidden).toEqual([]);
    await client.close();
  });

  it("is read as browsers read it: the host that is checked is the host that is resolved", async () => {
    const asked: string[] = [];
    const client = strictClient(80, async (host) => {
      asked.push(host);
      return ["10.0.0.1"];
    });
    for (const url of [
      "http://public.example.test\\@127.0.0.1/",
      "http://public.example.test#@127.0.0.1/",
      "http://public.example.test?@127.0.0.1/",
      "http:\\\\PUBLIC.example.TEST\\",
      "http://pub\tlic.exam\nple.test/",
      "http://public%2eexample.test/",
      "http://ｐｕｂｌｉｃ.example.test/",
      "http:public.example.test",
    ])
      expect({ url, ...(await client.send(post(url))) }).toMatchObject({ url, reason: "address" });
    expect(new Set(asked)).toEqual(new Set(["public.example.test"]));
    await client.send(post("http://bücher.example.test/"));
    await client.send(post("http://public.example.test./"));
    expect(asked.slice(-2)).toEqual(["xn--bcher-kva.example.test", "public.example.test."]);
  });

  it.each([22, 25, 0, 8080, 6379])(
    "with port %i is refused unless the port is allowed",
    async (port) => {
      const client = strictClient(9_443, async () => ["93.184.215.14"]);
      expect(await client.examine(`https://hooks.example.test:${port}/`)).toMatchObject({
        kind: "refused",
        reason: "port",
      });
      for (const allowed of ["", ":443", ":80", ":9443"])
        expect(await client.examine(`https://hooks.example.test${allowed}/`)).toEqual({
          kind: "allowed",
        });
    },
  );

  it("of plain http is refused for public addresses, unless that is allowed", async () => {
    const resolve = async (host: string) => [
      host.startsWith("public") ? "93.184.215.14" : "127.0.0.1",
    ];
    const client = loopbackClient(80, { resolve });
    expect(await client.examine("https://public.example.test/")).toEqual({ kind: "allowed" });
    expect(await client.examine("http://private.example.test/")).toEqual({ kind: "allowed" });
    expect(await client.send(post("http://public.example.test/"))).toMatchObject({
      kind: "refused",
      reason: "plain",
    });
    expect(await strictClient(80, resolve).examine("http://public.example.test/")).toEqual({
      kind: "allowed",
    });
  });
});

describe("what is allowed", () => {
  it("never includes metadata, however large the allowed ranges are", async () => {
    const client = createOutboundClient({
      rules: { privateSubnets: subnets("0.0.0.0/0", "::/0"), ports: [], plain: true },
    });
    for (const host of [
      "169.254.169.254",
      "169.254.170.2",
      "100.100.100.200",
      "192.0.0.192",
      "168.63.129.16",
      "[fd00:ec2::254]",
      "[fd20:ce::254]",
      "[fe80::a9fe:a9fe]",
      "[::ffff:169.254.169.254]",
      "[::169.254.169.254]",
      "[64:ff9b::169.254.169.254]",
      "[64:ff9b:1::169.254.169.254]",
      "[2002:a9fe:a9fe::1]",
    ])
      expect({
        host,
        ...(await client.send(post(`http://${host}/latest/meta-data/`))),
      }).toMatchObject({
        host,
        kind: "refused",
        reason: "metadata",
      });
    await client.close();
  });
});

it.each([
  ["a line break in a header", { headers: { "x-name": "a\r\nx-other: b" } }],
  ["a header name with a blank", { headers: { "x name": "a" } }],
  ["a host of its own", { headers: { Host: "internal.example.test" } }],
  ["a length of its own encoding", { headers: { "transfer-encoding": "chunked" } }],
  ["a method with a line break", { method: "POST / HTTP/1.1\r\nx: y" }],
])("a request with %s is refused", async (_, more) => {
  const server = await serve((socket) => socket.write(answer("200 OK")));
  const client = loopbackClient(server.port);
  expect(await client.send(post(`http://127.0.0.1:${server.port}/`, more))).toMatchObject({
    kind: "refused",
    reason: "request",
  });
  expect(server.received).toBe("");
});

it("EVENTS_URL that is not allowed is reported when a worker starts, in whatever form, without a connection", async () => {
  const { port, forbidden } = await startWitness();
  const settings = readEnvironment(outboundVariables, {
    HTTP_ALLOW_PORTS: String(port),
    HTTP_ALLOW_PLAIN: "true",
  });
  // An empty variable is one that is not set.
  for (const url of forbiddenUrls(port).filter((text) => text !== "")) {
    let found: unknown[] = [];
    try {
      const environment = { EVENTS_URL: url, EVENTS_SECRET: "s".repeat(24) };
      const { EVENTS_URL } = readEnvironment(["EVENTS_URL", "EVENTS_SECRET"], environment);
      found = await receiverFaults(EVENTS_URL!, settings, resolveForbidden);
    } catch (error) {
      if (error instanceof ConfigurationError) found = [error];
      else throw error;
    }
    expect([url, found.length]).not.toEqual([url, 0]);
  }
  expect(forbidden).toEqual([]);
});
