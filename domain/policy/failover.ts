import type { Priority } from "../priority.ts";
import { failoverBounds, type NotificationType } from "./notification-type.ts";

/** The seconds after which messages leave a channel that is out of service, by their priority; null: they wait for it. */
const failoverPresets: Record<Priority, number | null> = {
  critical: 60,
  high: 300,
  normal: null,
  low: null,
};

/** No message leaves its channel sooner: the smallest `failoverAfterSeconds` of a type, in milliseconds. */
export const shortestFailoverMs = failoverBounds.least * 1_000;

/**
 * How long a channel may be out of service, in milliseconds, before a message of this type and priority goes on on the next channel of its
 * stage; null if it waits for its channel.
 */
export function failoverAfterMs(
  type: Pick<NotificationType, "failoverAfterSeconds"> | null,
  priority: Priority,
): number | null {
  const own = type?.failoverAfterSeconds ?? null;
  const seconds = type === null || own === "by_priority" ? failoverPresets[priority] : own;
  return seconds === null ? null : seconds * 1_000;
}

/**
 * The times after which messages of a priority leave a channel, whatever their type: each once, in milliseconds, the shortest first.
 * @param types all types
 */
export function failoverTimes(
  types: Iterable<Pick<NotificationType, "failoverAfterSeconds">>,
  priority: Priority,
): number[] {
  const times = new Set([null, ...types].map((type) => failoverAfterMs(type, priority)));
  return [...times].flatMap((time) => time ?? []).sort((a, b) => a - b);
}
