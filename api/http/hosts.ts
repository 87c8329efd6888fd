import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";
import { isAllowedHost } from "../../lib/allowed-hosts.ts";

/**
 * Refuses requests that were meant for another host. A page of somebody else whose name leads to this machine (DNS rebinding) would
 * otherwise be let through to what listens on the loopback only. Null: every host is taken.
 */
export const checkHost = (allowed: readonly string[] | null) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const host = c.req.header("host");
    if (allowed !== null && host !== undefined && !isAllowedHost(allowed, host))
      throw new Problem(
        "misdirected",
        "The Host of the request is none of this service: use one of its addresses, or name the host in API_HOSTS.",
      );
    await next();
  });
