import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";
import { isAllowedHost } from "../../lib/allowed-hosts.ts";

/**
 * Refuses requests for a host that is not allowed. Otherwise a foreign web page whose host name resolves to this machine (DNS
 * rebinding) could reach a service that listens on the loopback address only. Null allows every host.
 */
export const checkHost = (allowed: readonly string[] | null) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const host = c.req.header("host");
    if (allowed !== null && host !== undefined && !isAllowedHost(allowed, host))
      throw new Problem(
        "misdirected",
        "The Host header does not name this service. Use one of its addresses, or add the host to API_HOSTS.",
      );
    await next();
  });
