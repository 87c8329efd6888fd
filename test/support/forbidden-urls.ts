import { createServer, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Resolve } from "../../lib/outbound/resolving.ts";

/*
 * One table of the URLs that nothing outgoing may connect to. Each feature that sends requests to URLs of people or of settings has a test that goes
 * through all of it, so that a form that is added here is tried everywhere.
 */

/** Spellings of addresses that are not public, as the host of a URL. */
const forbiddenHosts = [
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
];

/** URLs whose host is an address that is not public. */
export const literalUrls = (port: number, scheme = "http"): string[] =>
  forbiddenHosts.map((host) => `${scheme}://${host}:${port}/`);

/** URLs that are refused before their host is looked at: malformed ones, other schemes, and those with credentials. */
export const malformedUrls = (port: number): string[] => [
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

const publicAddress = "93.184.215.14";

/** What a resolver may answer about a name that must not be connected to. */
export const forbiddenAnswers: readonly (readonly [string, readonly string[]])[] = [
  ["one private address", ["10.0.0.1"]],
  ["the loopback", ["127.0.0.1"]],
  ["the loopback of IPv6", ["::1"]],
  ["a public and a private address", [publicAddress, "10.0.0.1"]],
  ["a private and a public address", ["127.0.0.1", publicAddress]],
  ["a public address and a private one of the other family", [publicAddress, "fd00::1"]],
  ["an IPv4-mapped address", ["::ffff:127.0.0.1"]],
  ["a NAT64 address", ["64:ff9b::7f00:1"]],
  ["a link-local address with a zone", ["fe80::1%lo"]],
  ["a public address with a zone", ["2606:2800:21f:cb07:6820:80da:af6b:8b2c%lo"]],
  ["metadata", ["169.254.169.254"]],
  ["metadata after a public address", [publicAddress, "fd00:ec2::254"]],
  ["something that is no address", ["localhost"]],
  ["an address in octal", ["0177.0.0.1"]],
];

/** Names by which clouds know their metadata. */
const metadataNames = [
  "metadata",
  "metadata.google.internal",
  "METADATA.Google.Internal",
  "metadata.google.internal.",
  "instance-data.ec2.internal",
  "metadata.azure.internal",
  "metadata.tencentyun.com",
];

const nameOf = (index: number) => `answer-${index}.example.test`;

/**
 * Names whose addresses are not allowed, and their records: addresses, or another name. They are unlike the names of push services, which the API
 * does not know.
 */
const records = new Map<string, readonly string[] | { alias: string }>([
  ...forbiddenAnswers.map(([, addresses], index) => [nameOf(index), addresses] as const),
  ...metadataNames.map(
    (name) => [new URL(`http://${name}`).hostname, ["169.254.169.254"]] as const,
  ),
  ["alias.example.test", { alias: "second-alias.example.test" }],
  ["second-alias.example.test", { alias: "internal.example.test" }],
  ["internal.example.test", ["127.0.0.1"]],
  ["xn--bcher-kva.example.test", ["127.0.0.1"]],
]);

/** URLs whose host is a name that `resolveForbidden` resolves to what is not allowed. */
export const namedUrls = (port: number, scheme = "http"): string[] =>
  [
    ...new Set([...records.keys(), ...metadataNames]),
    "ALIAS.Example.TEST",
    "alias。example。test",
    "bücher.example.test",
  ].map((host) => `${scheme}://${host}:${port}/`);

/** Resolves these names as a system does, which follows aliases and returns addresses only. Other names do not exist. */
export const resolveForbidden: Resolve = async (host) => {
  const found = records.get(host);
  if (found === undefined) throw Object.assign(new Error("no such host"), { code: "ENOTFOUND" });
  return "alias" in found ? resolveForbidden(found.alias) : found;
};

/** The whole table: addresses, malformed URLs and names. */
export const forbiddenUrls = (port: number): string[] => [
  ...literalUrls(port),
  ...malformedUrls(port),
  ...namedUrls(port),
];

/** An address of the loopback that stands for a public one: tests allow it, and nothing else. */
export const allowedAddress = "127.7.7.7";

export interface Witness {
  port: number;
  /** The local addresses of the connections that must not have come. */
  forbidden: string[];
  /** The requests that came to the allowed address. */
  allowed: number;
  /** The answer to requests at the allowed address, as an HTTP message. */
  answer: string;
}

const ok = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/** An answer that sends its client elsewhere. */
export const redirectTo = (location: string, status: number): string =>
  `HTTP/1.1 ${status} Elsewhere\r\nlocation: ${encodeURI(location)}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;

export const redirectCodes = [301, 302, 303, 307, 308] as const;

/**
 * Listens on all addresses of this machine, so that every connection to it in whatever form is seen. Only at `allowedAddress` requests are expected,
 * and answered.
 */
export async function startWitness(): Promise<Witness> {
  const witness: Witness = { port: 0, forbidden: [], allowed: 0, answer: ok };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const address = socket.localAddress!.replace(/^::ffff:/, "");
    if (address !== allowedAddress) witness.forbidden.push(address);
    socket.once("data", () => {
      if (address === allowedAddress) witness.allowed += 1;
      socket.end(witness.answer);
    });
  });
  const listen = (host: string) =>
    new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, host, resolve));
  // Without IPv6, only the IPv4 addresses can be listened to.
  await listen("::").catch(() => listen("0.0.0.0"));
  witness.port = (server.address() as AddressInfo).port;
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return witness;
}
