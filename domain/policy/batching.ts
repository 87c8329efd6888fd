import { minuteMs } from "../time/local-time.ts";
import type { Policy } from "./policy.ts";
import type { EffectivePreferences, Layers } from "./preferences.ts";

/** How much waits to be sent, as a worker last saw it. */
export interface Load {
  /** Deliveries that are due and not sent. */
  backlog: number;
  /** How long the oldest of them has been due. */
  delayMs: number;
}

export const noLoad: Load = { backlog: 0, delayMs: 0 };

/** How far a batch may grow, and why that differs from what was wished, if it does. */
export interface BatchBounds {
  maximumSize: number;
  windowMs: number;
  adapted: "backlog" | "delay" | null;
}

/**
 * What holds for a new batch. While much waits, or waits long, a batch takes twice as many for twice as long, which sends
 * less: up to the policy's bounds, and never beyond what the recipient themself has said.
 */
export function batchBounds(
  { batching: wished }: Pick<EffectivePreferences, "batching">,
  recipient: Layers["recipient"],
  { batching }: Pick<Policy, "batching">,
  load: Load,
): BatchBounds {
  const { backlog, delaySeconds, maximumSize, windowMinutes } = batching.underLoad;
  const under =
    load.backlog >= backlog ? "backlog" : load.delayMs >= delaySeconds * 1_000 ? "delay" : null;
  const plain = { maximumSize: wished.maximumSize, windowMs: wished.windowMinutes * minuteMs };
  if (under === null) return { ...plain, adapted: null };
  const stretched = (value: number, bound: number, said: number | undefined) =>
    said === undefined ? Math.max(value, Math.min(2 * value, bound)) : value;
  const wider = {
    maximumSize: stretched(plain.maximumSize, maximumSize, recipient?.batching?.maximumSize),
    windowMs: stretched(
      plain.windowMs,
      windowMinutes * minuteMs,
      recipient?.batching?.windowMinutes,
    ),
  };
  const same = wider.maximumSize === plain.maximumSize && wider.windowMs === plain.windowMs;
  return { ...wider, adapted: same ? null : under };
}

/** An open group, and what may still come to it. */
export interface OpenGroup {
  id: string;
  closesAt: number;
  memberCount: number;
  /** Null: as many as come. */
  maximumSize: number | null;
  /** Between the times that its members are about. */
  firstOccursAt: number;
  lastOccursAt: number;
}

/** What joins a group. */
export interface Joining {
  /** When a group that it opened would close. */
  closesAt: number;
  maximumSize: number | null;
  /** How far apart the times may be that members are about; null: however far. */
  spreadMs: number | null;
  /** The time that it is about. */
  occursAt: number;
}

/**
 * Whether `joining` has a place in `group` at `now`; if not, the group is full: it takes nobody any more, and the next
 * one is opened.
 */
export function hasPlace(group: OpenGroup, joining: Joining, now: number): boolean {
  if (group.closesAt < now) return false;
  if (group.maximumSize !== null && group.memberCount >= group.maximumSize) return false;
  if (joining.spreadMs === null) return true;
  const first = Math.min(group.firstOccursAt, joining.occursAt);
  const last = Math.max(group.lastOccursAt, joining.occursAt);
  return last - first <= joining.spreadMs;
}

/** The group with `joining` in it. Nobody waits longer than a group of their own would have them wait. */
export function joined(group: OpenGroup, joining: Joining): OpenGroup {
  return {
    ...group,
    memberCount: group.memberCount + 1,
    closesAt: Math.min(group.closesAt, joining.closesAt),
    firstOccursAt: Math.min(group.firstOccursAt, joining.occursAt),
    lastOccursAt: Math.max(group.lastOccursAt, joining.occursAt),
  };
}

/** Whether a group with these members takes no more: it goes out at once. */
export const isFull = ({ memberCount, maximumSize }: OpenGroup): boolean =>
  maximumSize !== null && memberCount >= maximumSize;
