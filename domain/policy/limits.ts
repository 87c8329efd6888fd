import { z } from "zod";
import { dayMs, hourMs, minuteMs } from "../time/local-time.ts";

/** The longest window that a limit looks back over: older grants matter to none. */
export const longestWindowMs = 24 * hourMs;

const count = z
  .int("must be a whole number of messages from 1 to 10000")
  .min(1, "must be from 1 to 10000 messages")
  .max(10_000, "must be from 1 to 10000 messages")
  .meta({ example: 100 });

/** Messages to one recipient within any minute, hour and day: sliding windows. */
export const recipientLimits = z.strictObject({
  perMinute: count,
  perHour: count,
  perDay: count,
});

export type RecipientLimits = z.output<typeof recipientLimits>;

/** What was granted to a recipient, the oldest first: instants in milliseconds, and beside each its type's number, 0 without one. */
export interface GrantLog {
  granted: readonly number[];
  types: readonly number[];
}

export const noGrants: GrantLog = { granted: [], types: [] };

/** One limit on one recipient: at most `limit` grants within any `windowMs`. */
export interface Limit {
  reason: "recipient_limit" | "organisation_limit" | "type_limit";
  limit: number;
  windowMs: number;
  /** Only grants of this type count; all of them where it is null. */
  type: number | null;
}

/** The windows of `limits`, the shortest first. */
export function limitWindows(
  limits: { [Window in keyof RecipientLimits]?: number | undefined },
  reason: Limit["reason"],
  type: number | null = null,
): Limit[] {
  const of = (limit: number | undefined, windowMs: number): Limit[] =>
    limit === undefined ? [] : [{ reason, limit, windowMs, type }];
  return [
    ...of(limits.perMinute, minuteMs),
    ...of(limits.perHour, hourMs),
    ...of(limits.perDay, dayMs),
  ];
}

/** At most so many in any hour: a recipient's own wish. */
export const preferenceOf = (perHour: number): Limit => ({
  reason: "recipient_limit",
  limit: perHour,
  windowMs: hourMs,
  type: null,
});

/** How many grants count in the window that ends at `now`. */
export const grantedIn = (
  { windowMs, type }: Limit,
  { granted, types }: GrantLog,
  now: number,
): number =>
  granted.filter((at, index) => at > now - windowMs && (type === null || types[index] === type))
    .length;

/**
 * When a limit has room for one more, given that `ahead` others are to be granted before it: the earliest instant from
 * which every window that ends there or later holds less than the limit. 0 if there is room now and always was.
 * A sliding log: the grant that stands in the way is the one `limit` places before.
 */
export function availableAt(
  { limit, windowMs, type }: Limit,
  log: GrantLog,
  ahead: number,
): number {
  const { granted, types } = log;
  if (type === null) return roomIn(granted, granted.length, limit, windowMs, ahead);
  const own = granted.filter((_, index) => types[index] === type);
  return roomIn(own, own.length, limit, windowMs, ahead);
}

function roomIn(
  granted: readonly number[],
  length: number,
  limit: number,
  windowMs: number,
  ahead: number,
): number {
  // Those ahead fill whole windows of their own.
  if (ahead >= limit)
    return (
      Math.max(roomIn(granted, length, limit, windowMs, ahead - limit), granted[length - 1] ?? 0) +
      windowMs
    );
  const blocking = length - limit + ahead;
  return blocking < 0 ? 0 : granted[blocking]! + windowMs;
}

/** The limits that a recipient's log of grants has to leave room in for a message; null: that limit is not asked. */
export interface LimitsNeeded {
  perMinute: number | null;
  perHour: number | null;
  perDay: number | null;
  /** To lie between the last grant and this one. */
  gapMs: number | null;
  typePerMinute: number | null;
  typePerHour: number | null;
  typePerDay: number | null;
}

/** The limits of a message by window, as its claim asks for them: of two on the same window, the tighter one. */
export function limitsNeeded(limits: readonly Limit[], gapMs: number): LimitsNeeded {
  const needed: LimitsNeeded = {
    perMinute: null,
    perHour: null,
    perDay: null,
    gapMs: gapMs === 0 ? null : gapMs,
    typePerMinute: null,
    typePerHour: null,
    typePerDay: null,
  };
  for (const { limit, windowMs, type } of limits) {
    const asked = type === null ? byWindow[windowMs] : typeByWindow[windowMs];
    if (!asked) throw new RangeError(`no log is asked for windows of ${windowMs} ms`);
    needed[asked] = Math.min(needed[asked] ?? limit, limit);
  }
  return needed;
}

const byWindow: Record<number, keyof LimitsNeeded> = {
  [minuteMs]: "perMinute",
  [hourMs]: "perHour",
  [dayMs]: "perDay",
};
const typeByWindow: Record<number, keyof LimitsNeeded> = {
  [minuteMs]: "typePerMinute",
  [hourMs]: "typePerHour",
  [dayMs]: "typePerDay",
};
