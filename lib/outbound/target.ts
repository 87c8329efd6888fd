import { refused, type Refused } from "./outcome.ts";
import type { Subnet } from "./addresses.ts";

/** What the client may connect to, besides public addresses by https on the ports 443 and 80. */
export interface OutboundRules {
  /** Ranges of addresses that are not public but allowed. Plain http is allowed to them too. */
  privateSubnets: readonly Subnet[];
  /** Ports that are allowed besides 443 and 80. */
  ports: readonly number[];
  /** Whether plain http is allowed to public addresses. */
  plain: boolean;
}

/** A URL in the form in which it is requested. */
export interface Target {
  /** Scheme, host and port: requests with the same origin share connections. */
  origin: string;
  isSecure: boolean;
  /** A host name in ASCII, or an IP address without brackets. */
  host: string;
  port: number;
  path: string;
}

const maxUrlLength = 8_192;
const standardPorts = [443, 80];

/** Parses a URL as browsers do, so that the rules also apply to unusual spellings of an address, such as `0x7f.1`. The host is not resolved yet. */
export function readTarget(text: string, rules: OutboundRules): Target | Refused {
  if (text.length > maxUrlLength || !URL.canParse(text)) return refused("url");
  const url = new URL(text);
  const isSecure = url.protocol === "https:";
  if (!isSecure && url.protocol !== "http:") return refused("url");
  if (url.username !== "" || url.password !== "") return refused("url");
  const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port);
  if (!standardPorts.includes(port) && !rules.ports.includes(port)) return refused("port");
  return {
    origin: url.origin,
    isSecure,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port,
    path: `${url.pathname}${url.search}`,
  };
}
