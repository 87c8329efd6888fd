import { isIPv4 } from "node:net";

/** The host names of a server on the loopback. */
export const loopbackHosts: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** Whether a host is an address of the loopback, which cannot be reached from other machines. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));

/** The name in a Host header, in lower case and without the port; null where there is none. */
export function hostName(header: string): string | null {
  const url = `http://${header}`;
  if (/[/?#@\\]/.test(header) || !URL.canParse(url)) return null;
  return new URL(url).hostname;
}

/** Whether a Host header names one of the allowed hosts, with any port. */
export function isAllowedHost(allowed: readonly string[], header: string): boolean {
  const name = hostName(header);
  return name !== null && allowed.includes(name);
}
