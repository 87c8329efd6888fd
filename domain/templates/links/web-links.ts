import { createHash } from "node:crypto";
import type { Utm } from "../../tracking/settings.ts";

/** The longest address of a link that is changed: programs cut longer ones. */
const longestAddress = 1_500;

/** Returns the address of a link to a web page; null for any other address: relative, with a user, or to something else. */
export function webAddress(href: string): URL | null {
  const address = href.trim();
  if (address.length > longestAddress || !/^https?:\/\//i.test(address)) return null;
  if (!URL.canParse(address)) return null;
  const url = new URL(address);
  return url.username === "" && url.password === "" && url.href.length <= longestAddress
    ? url
    : null;
}

/** Makes a function that says whether an address is on one of the hosts of Tidings, whose links are secrets of their recipients. */
export function ownAddresses(urls: readonly string[]): (address: URL) => boolean {
  const hosts = new Set(urls.map((url) => new URL(url).host));
  return ({ host }) => hosts.has(host);
}

/**
 * The number of a link: a hash of its address as the template has it, so that it is the same in all versions and locales. 31 bits, and never 0.
 */
export function numberLink(label: string): number {
  const hash = createHash("sha256").update(label).digest().readUInt32BE(0) >>> 1;
  return hash === 0 ? 1 : hash;
}

/** Adds the parameters of a campaign to an address, except for those that it has. */
export function addUtm(address: string, utm: Utm): string {
  const present = new URL(address).searchParams;
  const added = (Object.entries(utm) as [string, string][])
    .filter(([name]) => !present.has(`utm_${name}`))
    .map(([name, value]) => `utm_${name}=${encodeURIComponent(value)}`)
    .join("&");
  if (added === "") return address;
  const hashAt = address.indexOf("#");
  const [page, fragment] =
    hashAt === -1 ? [address, ""] : [address.slice(0, hashAt), address.slice(hashAt)];
  const separator = page.includes("?") ? (/[?&]$/.test(page) ? "" : "&") : "?";
  return `${page}${separator}${added}${fragment}`;
}
