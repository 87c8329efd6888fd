import type { z } from "zod";
import { type GateLimits, isLimited, limitSchemas, presetBurst } from "../domain/delivery/gates.ts";

/** The options of every kind of provider that limit how much it is sent. */
export const limitOptions = {
  perSecond: limitSchemas.perSecond.optional(),
  burst: limitSchemas.burst.optional(),
  perHour: limitSchemas.quota.optional(),
  perDay: limitSchemas.quota.optional(),
};

type LimitOptions = z.output<z.ZodObject<typeof limitOptions>>;

/** Reads the limits of an entry; null where it has none. A burst without a rate is an issue of `context`. */
export function readLimits(
  { perSecond, burst, perHour, perDay }: LimitOptions,
  context: z.RefinementCtx,
): GateLimits | null {
  if (burst !== undefined && perSecond === undefined)
    context.addIssue({ code: "custom", path: ["burst"], message: "requires perSecond" });
  const limits: GateLimits = {
    permitsPerSecond: perSecond ?? null,
    burst: burst ?? presetBurst(perSecond ?? 0),
    hourlyQuota: perHour ?? null,
    dailyQuota: perDay ?? null,
  };
  return isLimited(limits) ? limits : null;
}
