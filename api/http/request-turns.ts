import { createMiddleware } from "hono/factory";
import { createFairTurns, type FairTurns, NoTurn } from "../../lib/fair-turns.ts";
import type { ApiEnv } from "./context.ts";
import type { ApiMetrics } from "./metrics.ts";
import { Problem } from "./problem.ts";
import { type RouteClass, type RouteClassName, routeClasses } from "./route-classes.ts";

const longestWaitSeconds = 60;

/**
 * Lets in as many requests of each class at once as the class says (api/http/route-classes.ts); others wait for their turn, by
 * turns between callers, and those that would wait in vain are refused at once, with when to come again.
 */
export function takeTurns(metrics: ApiMetrics) {
  const turns = new Map<RouteClassName, FairTurns>();
  for (const [name, limits] of Object.entries(routeClasses) as [RouteClassName, RouteClass][]) {
    const { atOnce, perCaller, waiting, waitSeconds } = limits;
    if (atOnce === null) continue;
    const each = createFairTurns({
      atOnce,
      perOwner: perCaller,
      waiting,
      waitMs: waitSeconds * 1_000,
    });
    turns.set(name, each);
    metrics.watchTurns(name, each);
  }

  return createMiddleware<ApiEnv>(async (c, next) => {
    const row = c.get("route");
    const ofClass = row && turns.get(row.class);
    if (!ofClass) return next();
    // Who has no key is told from others by what they ask for: a link.
    const caller = (c.get("caller") as { scope: string } | undefined)?.scope ?? c.req.path;
    let end: () => void;
    try {
      end = await ofClass.take(caller, () => c.req.raw.signal);
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
        `You have as many requests of this kind under way as may be: ${atOnce} are done at once, and ${Math.ceil(waiting / 2)} of one caller wait.`,
        { headers },
      )
    : new Problem(
        "overloaded",
        "More is asked for than can be done in time. Nothing of the request was done: repeat it later.",
        { headers },
      );
}
