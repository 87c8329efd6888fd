import { minuteMs } from "../time/durations.ts";
import type { Policy } from "./policy.ts";
import type { EffectivePreferences, Layers } from "./preferences.ts";

/** How many messages wait to be sent, as a worker last measured it. */
export interface Load {
  /** The number of deliveries that are due and not sent. */
  backlog: number;
  /** For how long the oldest of these deliveries has been due. */
  delayMs: number;
}

export const noLoad: Load = { backlog: 0, delayMs: 0 };

/** How far a batch may grow. `adapted` says why that differs from the preferences, if it does. */
export interface BatchBounds {
  maximumSize: number;
  windowMs: number;
  adapted: "backlog" | "delay" | null;
}

/**
 * The bounds of a new batch. While many messages wait, or wait for long, a batch takes twice as many members for twice as
 * long, so that fewer messages are sent: up to the policy's bounds, and never beyond what the recipient has set.
 */
export function batchBounds(
  { batching: preferred }: Pick<EffectivePreferences, "batching">,
  recipient: Layers["recipient"],
  { batching }: Pick<Policy, "batching">,
  load: Load,
): BatchBounds {
  const { backlog, delaySeconds, maximumSize, windowMinutes } = batching.underLoad;
  const under =
    load.backlog >= backlog ? "backlog" : load.delayMs >= delaySeconds * 1_000 ? "delay" : null;
  const plain = {
    maximumSize: preferred.maximumSize,
    windowMs: preferred.windowMinutes * minuteMs,
  };
  if (under === null) return { ...plain, adapted: null };
  const stretched = (value: number, bound: number, stated: number | undefined) =>
    stated === undefined ? Math.max(value, Math.min(2 * value, bound)) : value;
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

/** The part of a group that decides what may join it. Instants are milliseconds since the epoch. */
export interface OpenGroup {
  id: string;
  kind: "batch" | "digest";
  status: "open" | "full" | "closed";
  closesAt: number;
  memberCount: number;
  /** Null if there is no maximum. */
  maximumSize: number | null;
  /** The earliest and the latest event time of its members. */
  firstOccursAt: number;
  lastOccursAt: number;
}

/** The requirements of a delivery on the group that it joins. Instants are milliseconds since the epoch. */
export interface JoinRequest {
  /** When a group that the delivery opens would close. */
  closesAt: number;
  maximumSize: number | null;
  /** The longest time between the event times of members; null for no limit. */
  spreadMs: number | null;
  /** The time of the event that the delivery announces. */
  occursAt: number;
}

/** Whether the delivery of `joinRequest` may join `group` at `now`. If not, the group is marked as full and the next one is opened. */
function hasRoom(group: OpenGroup, joinRequest: JoinRequest, now: number): boolean {
  if (group.closesAt < now) return false;
  if (group.maximumSize !== null && group.memberCount >= group.maximumSize) return false;
  if (joinRequest.spreadMs === null) return true;
  const first = Math.min(group.firstOccursAt, joinRequest.occursAt);
  const last = Math.max(group.lastOccursAt, joinRequest.occursAt);
  return last - first <= joinRequest.spreadMs;
}

/** The changes of a group when the delivery of `joinRequest` joins it. No member waits longer than it would in a group of its own. */
const addMember = (group: OpenGroup, joinRequest: JoinRequest) => ({
  memberCount: group.memberCount + 1,
  closesAt: Math.min(group.closesAt, joinRequest.closesAt),
  firstOccursAt: Math.min(group.firstOccursAt, joinRequest.occursAt),
  lastOccursAt: Math.max(group.lastOccursAt, joinRequest.occursAt),
});

/** Whether the group has its maximum number of members. A full batch is sent at once. */
const isFull = ({ memberCount, maximumSize }: OpenGroup): boolean =>
  maximumSize !== null && memberCount >= maximumSize;

/** Marks the group as full: it takes no more members. */
function markFull(group: OpenGroup): void {
  group.status = "full";
}

/** A new group without members. */
type EmptyGroup = Omit<OpenGroup, "id" | "kind" | "status"> & { status: "open" };

/**
 * Adds a delivery to the open group of its key, or to one that `create` opens if there is none or if the open one has no
 * room. `open` contains the groups that take members, by key, and is updated.
 * @returns the group that the delivery joined, and the one that had no room, which is marked as full
 */
export function joinGroup<Group extends OpenGroup>(
  open: Map<string, Group>,
  key: string,
  joinRequest: JoinRequest,
  now: number,
  create: (empty: EmptyGroup) => Group,
): { group: Group; replaced: Group | null } {
  const found = open.get(key);
  const replaced = found && !hasRoom(found, joinRequest, now) ? found : null;
  if (replaced) markFull(replaced);
  const { closesAt, maximumSize, occursAt } = joinRequest;
  const group =
    found && !replaced
      ? found
      : create({
          status: "open",
          memberCount: 0,
          maximumSize,
          closesAt,
          firstOccursAt: occursAt,
          lastOccursAt: occursAt,
        });
  Object.assign(group, addMember(group, joinRequest));
  // A group that closes now still takes the deliveries that are decided together with it.
  if (isFull(group)) {
    markFull(group);
    open.delete(key);
  } else open.set(key, group);
  return { group, replaced };
}

/** When the members of a group are due: a full batch at once, any other group when it closes. */
export const groupDueAt = (
  { kind, status, closesAt }: Pick<OpenGroup, "kind" | "status" | "closesAt">,
  now: number,
): number => (kind === "batch" && status === "full" ? now : Math.max(closesAt, now));
