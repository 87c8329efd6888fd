import { z } from "zod";
import { dayMs, hourMs, minuteMs } from "../time/durations.ts";

/** The longest window of any limit. Older grants count towards none. */
export const longestWindowMs = 24 * hourMs;

const count = z
  .int("must be a whole number of messages from 1 to 10000")
  .min(1, "must be from 1 to 10000 messages")
  .max(10_000, "must be from 1 to 10000 messages")
  .meta({ example: 100 });

const burst = z.strictObject({
  messages: count.meta({ example: 5 }),
  seconds: z
    .int("must be a whole number of seconds from 1 to 3600")
    .min(1, "must be from 1 to 3600 seconds")
    .max(3_600, "must be from 1 to 3600 seconds")
    .meta({ example: 10 }),
});

/** The maximum number of messages to one recipient within any minute, hour and day, and in a burst. The windows are sliding. */
export const recipientLimits = z.strictObject({
  perMinute: count,
  perHour: count,
  perDay: count,
  burst: burst.nullable().meta({
    description:
      "The maximum number of messages to one recipient within any window of this many seconds; null for no such limit",
    example: { messages: 5, seconds: 10 },
  }),
});

/** Limits, each of which may be left out. */
export type LimitSettings = {
  [Window in keyof z.output<typeof recipientLimits>]?:
    | z.output<typeof recipientLimits>[Window]
    | undefined;
};

/**
 * The grants of a recipient, the oldest first: their instants in epoch milliseconds, and for each the number of the message's type, 0 if
 * it has none.
 */
export interface GrantLog {
  granted: readonly number[];
  types: readonly number[];
}

export const noGrants: GrantLog = { granted: [], types: [] };

/** One limit on one recipient: at most `limit` grants within any window of `windowMs`. */
export interface Limit {
  reason: "recipient_limit" | "organisation_limit" | "type_limit";
  limit: number;
  windowMs: number;
  /** The number of the type whose grants count; null if all grants count. */
  type: number | null;
}

/** One limit for each window in `limits`: that of bursts first, then the others from the shortest to the longest. */
export function listLimitWindows(
  limits: LimitSettings,
  reason: Limit["reason"],
  type: number | null = null,
): Limit[] {
  const window = (limit: number | undefined, windowMs: number): Limit[] =>
    limit === undefined ? [] : [{ reason, limit, windowMs, type }];
  return [
    ...(limits.burst ? window(limits.burst.messages, limits.burst.seconds * 1_000) : []),
    ...window(limits.perMinute, minuteMs),
    ...window(limits.perHour, hourMs),
    ...window(limits.perDay, dayMs),
  ];
}

/** The limit from a recipient's own preference: at most `perHour` messages in any hour. */
export const buildRecipientLimit = (perHour: number): Limit => ({
  reason: "recipient_limit",
  limit: perHour,
  windowMs: hourMs,
  type: null,
});

/** Counts the grants in the window of a limit that ends at `now`. */
export const countGrants = (
  { windowMs, type }: Limit,
  { granted, types }: GrantLog,
  now: number,
): number =>
  granted.filter((at, index) => at > now - windowMs && (type === null || types[index] === type))
    .length;

/**
 * Finds the instant from which a limit has room for one more message, if `ahead` others are granted before it: from then on,
 * no window that ends there or later is full. The grant that has to leave the window is the one `limit` places before.
 * @returns epoch milliseconds; 0 if there is room without any grant leaving the window
 */
export function findRoomAt({ limit, windowMs, type }: Limit, log: GrantLog, ahead: number): number {
  const { granted, types } = log;
  if (type === null) return findRoomIn(granted, granted.length, limit, windowMs, ahead);
  const own = granted.filter((_, index) => types[index] === type);
  return findRoomIn(own, own.length, limit, windowMs, ahead);
}

function findRoomIn(
  granted: readonly number[],
  length: number,
  limit: number,
  windowMs: number,
  ahead: number,
): number {
  // The messages ahead fill whole windows of their own.
  if (ahead >= limit)
    return (
      Math.max(
        findRoomIn(granted, length, limit, windowMs, ahead - limit),
        granted[length - 1] ?? 0,
      ) + windowMs
    );
  const blocking = length - limit + ahead;
  return blocking < 0 ? 0 : granted[blocking]! + windowMs;
}

/** The limits that a claim checks in the recipient's log of grants; null where there is no such limit. */
export interface LimitsNeeded {
  perMinute: number | null;
  perHour: number | null;
  perDay: number | null;
  /** The time that has to pass between the last grant and this one. */
  gapMs: number | null;
  typePerMinute: number | null;
  typePerHour: number | null;
  typePerDay: number | null;
  burst: BurstNeeded | null;
  typeBurst: BurstNeeded | null;
}

/** At most `limit` grants within any window of `windowMs`. */
interface BurstNeeded {
  limit: number;
  windowMs: number;
}

/** Arranges the limits of a message by window, as its claim checks them. Of two limits on the same window, the lower one counts. */
export function arrangeLimits(limits: readonly Limit[], gapMs: number): LimitsNeeded {
  const needed: LimitsNeeded = {
    perMinute: null,
    perHour: null,
    perDay: null,
    gapMs: gapMs === 0 ? null : gapMs,
    typePerMinute: null,
    typePerHour: null,
    typePerDay: null,
    burst: null,
    typeBurst: null,
  };
  for (const { limit, windowMs, type } of limits) {
    const window = type === null ? byWindow[windowMs] : typeByWindow[windowMs];
    if (window) needed[window] = Math.min(needed[window] ?? limit, limit);
    else {
      const burst = type === null ? "burst" : "typeBurst";
      if (needed[burst])
        throw new RangeError(`a claim checks one burst limit only: ${windowMs} ms`);
      needed[burst] = { limit, windowMs };
    }
  }
  return needed;
}

type FixedWindow = Exclude<keyof LimitsNeeded, "gapMs" | "burst" | "typeBurst">;

const byWindow: Record<number, FixedWindow> = {
  [minuteMs]: "perMinute",
  [hourMs]: "perHour",
  [dayMs]: "perDay",
};
const typeByWindow: Record<number, FixedWindow> = {
  [minuteMs]: "typePerMinute",
  [hourMs]: "typePerHour",
  [dayMs]: "typePerDay",
};
