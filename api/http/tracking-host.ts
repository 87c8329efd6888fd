import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";

/** Serves nothing but tracking under a host that is for tracking only; null if there is no such host. */
export const keepTrackingApart = (trackingHost: string | null) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const host = c.req
      .header("host")
      ?.toLowerCase()
      .replace(/:(?:80|443)$/, "");
    if (trackingHost !== null && host === trackingHost && !c.req.path.startsWith("/t/"))
      throw new Problem("not-found", "There is nothing at this address.");
    await next();
  });
