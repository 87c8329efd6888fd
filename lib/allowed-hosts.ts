import { isIPv4 } from "node:net";

/** What a server on the loopback is called by those who mean it. */
export const loopbackHosts: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** Is this an address of the loopback, which nobody reaches from elsewhere? */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));

/** The name in a Host header, without a port, in lower case; null where it holds none. */
export function hostName(header: string): string | null {
  const url = `http://${header}`;
  if (/[/?#@\\]/.test(header) || !URL.canParse(url)) return null;
  return new URL(url).hostname;
}

/** Does a Host header name one of the hosts that are allowed, whatever the port? */
export function isAllowedHost(allowed: readonly string[], header: string): boolean {
  const name = hostName(header);
  return name !== null && allowed.includes(name);
}
