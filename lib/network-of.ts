import { isIPv4 } from "node:net";

/** The network that somebody has for themselves: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf(address: string | null): string {
  if (address === null || isIPv4(address)) return address ?? "unknown";
  const [before = "", after] = address.toLowerCase().split("::");
  const split = (part: string) => part.split(":").filter((group) => group !== "");
  const [head, tail] = [split(before), split(after ?? "")];
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array.from({ length: zeros }, () => "0"), ...tail]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
