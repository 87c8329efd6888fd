import { isIP, isIPv4 } from "node:net";
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A range of addresses of one family. */
export type Subnet = readonly [Address, number];

/** Parses `10.0.0.0/8`, `fd00::/8` or a single address; null if the text is none of these. */
export function parseSubnet(text: string): Subnet | null {
  const [address = "", prefix, ...rest] = text.split("/");
  if (rest.length > 0 || isIP(address) === 0 || address.includes("%")) return null;
  const longest = isIPv4(address) ? 32 : 128;
  if (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) return null;
  const length = prefix === undefined ? longest : Number(prefix);
  return length > longest ? null : [ipaddr.parse(address), length];
}

const subnets = (...texts: readonly string[]): Subnet[] =>
  texts.map((text) => parseSubnet(text) as Subnet);

/**
 * Addresses that serve the metadata, and with it the credentials, of a cloud machine, and the link-local ranges, in which most of them
 * are. They stay refused whatever the settings allow.
 */
const metadata = subnets(
  "169.254.0.0/16", // Link-local: AWS, Azure, Google, Oracle, OpenStack, DigitalOcean, Scaleway, ECS tasks, EKS pods.
  "fe80::/10", // Link-local.
  "fd00:ec2::/32", // AWS.
  "fd20:ce::/32", // Google.
  "fd00:42::42/128", // Scaleway.
  "100.100.100.200/32", // Alibaba.
  "192.0.0.192/32", // Oracle.
  "168.63.129.16/32", // Azure, a public address that only its machines reach.
);

/** IANA's registry of special-purpose IPv4 addresses, with multicast and what is reserved. All other IPv4 addresses are public. */
const special4 = subnets(
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10", // Carrier-grade NAT.
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24", // Documentation.
  "192.31.196.0/24", // AS112.
  "192.52.193.0/24", // Automatic multicast tunneling.
  "192.88.99.0/24", // Relays of 6to4.
  "192.168.0.0/16",
  "192.175.48.0/24", // AS112.
  "198.18.0.0/15", // Benchmarking.
  "198.51.100.0/24", // Documentation.
  "203.0.113.0/24", // Documentation.
  "224.0.0.0/4", // Multicast.
  "240.0.0.0/4", // Reserved, and broadcast.
);

/** All IPv6 addresses that IANA has assigned for unicast in public are in this range. */
const global6 = subnets("2000::/3");

/** IANA's registry of special-purpose IPv6 addresses, as far as they are in `global6`. */
const special6 = subnets(
  "2001::/23", // Protocol assignments, among them Teredo, benchmarking and ORCHID.
  "2001:db8::/32", // Documentation.
  "2002::/16", // 6to4.
  "2620:4f:8000::/48", // AS112.
  "3fff::/20", // Documentation.
);

/** Prefixes whose addresses contain an IPv4 address, and the byte at which it begins. */
const translations = (
  [
    ["::/96", 12], // IPv4-compatible.
    ["::ffff:0:0/96", 12], // IPv4-mapped.
    ["::ffff:0:0:0/96", 12], // IPv4-translated.
    ["64:ff9b::/96", 12], // NAT64.
    ["64:ff9b:1::/48", 12], // NAT64 of one network.
    ["2002::/16", 2], // 6to4.
    ["2001::/32", 12], // Teredo, which inverts the bits.
  ] as const
).map(([prefix, offset]) => ({ subnet: parseSubnet(prefix) as Subnet, offset }));

/** `::` and `::1`, which are in the range of IPv4-compatible addresses and are none. */
const own6 = subnets("::/127");

const teredo = parseSubnet("2001::/32") as Subnet;

const isIn = (address: Address, list: readonly Subnet[]) =>
  list.some(([range, length]) => address.kind() === range.kind() && address.match(range, length));

/** The IPv4 address to which a translator, a tunnel or the system may carry packets for this address; null if it contains none. */
function embedded(address: Address): Address | null {
  if (address.kind() === "ipv4" || isIn(address, own6)) return null;
  const found = translations.find(({ subnet }) => isIn(address, [subnet]));
  if (!found) return null;
  const bytes = address.toByteArray().slice(found.offset, found.offset + 4);
  return ipaddr.fromByteArray(isIn(address, [teredo]) ? bytes.map((byte) => byte ^ 0xff) : bytes);
}

function isPublic(address: Address): boolean {
  return address.kind() === "ipv4"
    ? !isIn(address, special4)
    : isIn(address, global6) && !isIn(address, special6);
}

/** `public` and `allowed` may be connected to; `metadata` never may, whatever is allowed. */
export type Verdict = "public" | "allowed" | "special" | "metadata";

/**
 * Judges an address in any of its spellings that a resolver may return. An address that contains an IPv4 address is judged by both: it
 * is never public itself, and the IPv4 address has to be public or allowed too.
 */
export function judgeAddress(text: string, allowed: readonly Subnet[]): Verdict {
  if (isIP(text) === 0 || text.includes("%")) return "special";
  return judge(ipaddr.parse(text), allowed);
}

function judge(address: Address, allowed: readonly Subnet[]): Verdict {
  if (isIn(address, metadata)) return "metadata";
  const inner = embedded(address);
  const verdict = inner ? judge(inner, allowed) : "public";
  if (verdict === "metadata") return verdict;
  if (isPublic(address)) return "public";
  const isAllowed = verdict !== "special" && isIn(address, allowed);
  return isAllowed ? "allowed" : "special";
}
