import { createMiddleware } from "hono/factory";
import { createFairTurns, type FairTurns, NoTurn } from "../../lib/fair-turns.ts";
import type { ApiEnv } from "./context.ts";
import type { ApiMetrics } from "./metrics.ts";
import { Problem } from "./problem.ts";
import { type RouteClass, type RouteClassName, routeClasses } from "./route-classes.ts";

const longestWaitSeconds = 60;

/**
 * Bounds how many requests of each class are processed at once (api/http/route-classes.ts). Others wait for their turn, which goes
 * round between callers. A request that would wait too long is refused at once, with a Retry-After.
 */
export function takeTurns(metrics: ApiMetrics) {
  const turns = new Map<RouteClassName, FairTurns>();
  for (const [name, limits] of Object.entries(routeClasses) as [RouteClassName, RouteClass][]) {
    const { atOnce, perCaller, waiting, waitSeconds } = limits;
    if (atOnce === null) continue;
    const classTurns = createFairTurns({
      atOnce,
      perOwner: perCaller,
      waiting,
      waitMs: waitSeconds * 1_000,
    });
    turns.set(name, classTurns);
    metrics.watchTurns(name, classTurns);
  }

  return createMiddleware<ApiEnv>(async (c, next) => {
    const row = c.get("route");
    const classTurns = row && turns.get(row.class);
    if (!classTurns) return next();
    // Callers without a key are distinguished by the path, which contains their link.
    const caller = (c.get("caller") as { scope: string } | undefined)?.scope ?? c.req.path;
    let end: () => void;
    try {
      end = await classTurns.take(caller, () => c.req.raw.signal);
    } catch (error) {
      throw error instanceof NoTurn ? refusalOf(error, row.class) : error;
    }
    try {
      await next();
    } finally {
      end();
    }
  });
}

function refusalOf({ why, retryAfterMs }: NoTurn, name: RouteClassName): Problem {
  const seconds = Math.min(longestWaitSeconds, Math.max(1, Math.ceil(retryAfterMs / 1_000)));
  const headers = { "Retry-After": String(seconds) };
  const { atOnce, waiting } = routeClasses[name];
  return why === "owner" && waiting > 0
    ? new Problem(
        "too-many-requests",
        `You have too many requests of this kind in progress: at most ${atOnce} are processed at once, and ${Math.ceil(waiting / 2)} of one caller may wait. Wait for some of them to finish.`,
        { headers },
      )
    : new Problem(
        "overloaded",
        "There are more requests than can be processed in time. Nothing of this request was done. Send it again later.",
        { headers },
      );
}
