import { describe, expect, it, onTestFinished } from "vitest";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import type { Outcome } from "../../lib/outbound/outcome.ts";
import { subnets } from "../support/outbound.ts";
import { answer, loopbackClient, post, serve, type ScriptedServer } from "./servers.ts";

/** Spellings of addresses that are not public. All of them begin at the scheme, and have the port of the listening server. */
const literals = (port: number) =>
  [
    // The loopback and this host.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7F.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "127.0.0.1.",
    "127.000.000.001",
    "%31%32%37.0.0.1",
    "１２７.０.０.１",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "0",
    "0.0.0.0",
    "0.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::]",
    // IPv6 addresses that contain an IPv4 address.
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::8.8.8.8]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:1::1]",
    "[2001:0:5ef5:79fd:0:0:80ff:fffe]",
    // Private networks and carriers.
    "10.0.0.1",
    "0xa.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.1",
    "100.64.0.1",
    "100.127.255.255",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[fec0::1]",
    // Link-local addresses and metadata.
    "169.254.0.1",
    "169.254.169.254",
    "169.254.43518",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "169.254.170.2",
    "192.0.0.192",
    "100.100.100.200",
    "168.63.129.16",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[fe80::1]",
    "[fe80::a9fe:a9fe]",
    // Documentation, benchmarking, relays, multicast and what is reserved.
    "192.0.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "192.88.99.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[100::1]",
    "[2001:2::1]",
    "[2001:10::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[4000::1]",
    "[ff02::1]",
  ].map((host) => `http://${host}:${port}/`);

/** What no resolver is asked about. */
const malformed = (port: number) => [
  `http://[fe80::1%25lo]:${port}/`,
  `http://[::1%lo]:${port}/`,
  `http://user@127.0.0.1:${port}/`,
  `http://user:password@127.0.0.1:${port}/`,
  `http://:password@127.0.0.1:${port}/`,
  `http://public.example.test:443@127.0.0.1:${port}/`,
  `http://256.256.256.256:${port}/`,
  `http://127.0.0.1.1.1:${port}/`,
  `http://0x100000000:${port}/`,
  `http://[::ffff:127.0.0.1:${port}/`,
  `//127.0.0.1:${port}/`,
  `127.0.0.1:${port}`,
  `ftp://127.0.0.1:${port}/`,
  `ws://127.0.0.1:${port}/`,
  `gopher://127.0.0.1:${port}/`,
  "file:///etc/passwd",
  "data:text/plain,hello",
  "javascript:alert(1)",
  "unix:/var/run/docker.sock",
  "http://",
  "http:///",
  "",
  "http://127.0.0.1:65536/",
  `http://127.0.0.1:${port}/${"a".repeat(10_000)}`,
];

/** Servers on both loopback addresses that must not see a connection. */
async function witnesses(): Promise<{ port: number; connections: () => number }> {
  const ok = (socket: { end: (text: string) => unknown }) => void socket.end(answer("200 OK"));
  const servers: ScriptedServer[] = [await serve(ok)];
  const six = await serve(ok, { host: "::1" }).catch(() => null);
  if (six) servers.push(six);
  return {
    port: servers[0]!.port,
    connections: () => servers.reduce((sum, { connections }) => sum + connections, 0),
  };
}

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
    const { port, connections } = await witnesses();
    const asked: string[] = [];
    const client = strictClient(port, async (host) => {
      asked.push(host);
      return ["127.0.0.1"];
    });
    const urls = literals(port);
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
    expect(connections()).toBe(0);
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

  it.each([
    ["one private address", ["10.0.0.1"]],
    ["the loopback", ["127.0.0.1"]],
    ["the loopback of IPv6", ["::1"]],
    ["a public and a private address", ["93.184.215.14", "10.0.0.1"]],
    ["a private and a public address", ["127.0.0.1", "93.184.215.14"]],
    ["a public address and a private one of the other family", ["93.184.215.14", "fd00::1"]],
    ["an IPv4-mapped address", ["::ffff:127.0.0.1"]],
    ["a NAT64 address", ["64:ff9b::7f00:1"]],
    ["a link-local address with a zone", ["fe80::1%lo"]],
    ["a public address with a zone", ["2606:2800:21f:cb07:6820:80da:af6b:8b2c%lo"]],
    ["metadata", ["169.254.169.254"]],
    ["metadata after a public address", ["93.184.215.14", "fd00:ec2::254"]],
    ["something that is no address", ["localhost"]],
    ["an address in octal", ["0177.0.0.1"]],
  ])("is refused where the resolver answers with %s", async (_, addresses) => {
    const { port, connections } = await witnesses();
    const client = strictClient(port, async () => addresses);
    const outcome = await client.send(post(`http://hooks.example.test:${port}/`));
    expect(outcome).toMatchObject({ kind: "refused", detail: unreachable });
    expect(connections()).toBe(0);
  });

  it.each(["localhost", "LOCALHOST", "localhost.", "LocalHost."])(
    "is refused where the system resolves %s",
    async (host) => {
      const { port, connections } = await witnesses();
      const outcome = await strictClient(port).send(post(`http://${host}:${port}/`));
      expect(outcome.kind).not.toBe("answered");
      expect(detailOf(outcome)).toBe(unreachable);
      expect(connections()).toBe(0);
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
    const { port, connections } = await witnesses();
    const asked: string[] = [];
    const client = createOutboundClient({
      rules: { privateSubnets: subnets("127.0.0.0/8", "::1/128"), ports: [port], plain: true },
      resolve: async (host) => {
        asked.push(host);
        return [];
      },
    });
    for (const url of malformed(port))
      expect({ url, ...(await client.send(post(url))) }).toMatchObject({
        url,
        kind: "refused",
        reason: "url",
      });
    expect(asked).toEqual([]);
    expect(connections()).toBe(0);
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
