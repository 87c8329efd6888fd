import type { Context } from "hono";
import { isAllowedHost, loopbackHosts } from "../../lib/allowed-hosts.ts";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";

/** Where the pages of the console are served. */
export interface ConsolePlace {
  /** The hosts under which browsers may use the console: names without a port. */
  hosts: readonly string[];
  /** The origin at which a proxy publishes the API, as a browser sends it. */
  publicOrigin: string;
}

/** The header that the pages of the console send with each request. A page of another origin cannot send it without asking first. */
const consoleHeader = "x-tidings-console";

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);
const jsonType = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i;
/** What imports take besides: types that a form cannot send. */
const importTypes = /^(?:text\/csv|application\/x-ndjson)\s*(?:;|$)/i;

const hostOf = (c: Context<ApiEnv>): string => c.req.header("host") ?? new URL(c.req.url).host;

/**
 * Refuses a host under which the console is not served. Otherwise a foreign page whose host name resolves to this machine (DNS rebinding)
 * would be of the same origin as the console.
 */
export function requireConsoleHost(c: Context<ApiEnv>, { hosts }: ConsolePlace): void {
  if (isAllowedHost(hosts, hostOf(c))) return;
  throw new Problem(
    "misdirected",
    "The console is not served under this host. Open it at the host of PUBLIC_URL, or add the host to API_HOSTS.",
  );
}

/**
 * Refuses a request that a browser may have sent for a page which is not the console's (CSRF). It is for requests that are
 * authenticated by a cookie, which browsers add by themselves, and for signing in.
 */
export function requireOwnPage(c: Context<ApiEnv>, place: ConsolePlace): void {
  requireConsoleHost(c, place);
  const site = c.req.header("sec-fetch-site");
  if (safeMethods.has(c.req.method)) {
    // `none` is an address that a person has typed.
    if (site === undefined || site === "same-origin" || site === "none") return;
    throw foreign("A session can be used only by pages of this origin.");
  }
  if (site === undefined ? !isOwnOrigin(c, place) : site !== "same-origin")
    throw foreign(
      "A session can be used only by pages of this origin: Sec-Fetch-Site must be same-origin, or Origin the origin of the console.",
    );
  if (c.req.header(consoleHeader) !== "1")
    throw foreign("A change by a session needs the header X-Tidings-Console: 1.");
  const type = c.req.header("content-type");
  const isImport = c.get("route")?.class === "import";
  if (type === undefined || jsonType.test(type) || (isImport && importTypes.test(type))) return;
  throw foreign(
    `A session can send only application/json${isImport ? ", text/csv or application/x-ndjson" : ""}.`,
  );
}

/** Browsers without Sec-Fetch-Site name the origin of the page. Plain HTTP is ours on the loopback only. */
function isOwnOrigin(c: Context<ApiEnv>, { publicOrigin }: ConsolePlace): boolean {
  const origin = c.req.header("origin");
  const host = hostOf(c);
  const own = [
    `https://${host}`,
    publicOrigin,
    ...(isLoopbackHost(host) ? [`http://${host}`] : []),
  ];
  return origin !== undefined && own.includes(origin);
}

const foreign = (detail: string) => new Problem("forbidden", detail);

const isLoopbackHost = (host: string) => isAllowedHost(loopbackHosts, host);

/** Whether the page that sent a request is on the loopback, as far as its host and its origin say so. */
export function isOnLoopback(c: Context<ApiEnv>): boolean {
  const origin = c.req.header("origin");
  return (
    isLoopbackHost(hostOf(c)) &&
    (origin === undefined || isLoopbackHost(origin.replace(/^https?:\/\//, "")))
  );
}
