import { MemoryStore } from "hono-rate-limiter";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";

const minuteMs = 60_000;

/** Something whose uses are counted, and how often it may be used in the time of the limit. */
export interface CountedUse {
  key: string;
  max: number;
}

/**
 * Makes a function that counts uses in this process, in windows of a minute or of another time, and throws the problem of what is used too often. It
 * is for routes without a key, whose callers are known by their token or their address only.
 */
export function createUseLimit({
  windowMs = minuteMs,
  detail = "This link was used too often. Try again later.",
} = {}): (uses: readonly CountedUse[]) => void {
  const store = new MemoryStore<ApiEnv>();
  store.init({ windowMs } as Parameters<typeof store.init>[0]);
  return (uses) => {
    const counted = uses.map(({ key, max }) => ({ ...store.increment(key), max }));
    for (const { totalHits, resetTime, max } of counted)
      if (totalHits > max) {
        const waitMs = (resetTime?.getTime() ?? Date.now()) - Date.now();
        throw new Problem("too-many-requests", detail, {
          headers: { "Retry-After": String(Math.max(1, Math.ceil(waitMs / 1_000))) },
        });
      }
  };
}
