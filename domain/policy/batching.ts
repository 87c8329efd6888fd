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

/** A group, as far as joining it goes. Instants are milliseconds since the epoch. */
export interface OpenGroup {
  id: string;
  kind: "batch" | "digest";
  status: "open" | "full" | "closed";
  closesAt: number;
  memberCount: number;
  /** Null: as many as come. */
  maximumSize: number | null;
  /** Between the times that its members are about. */
  firstOccursAt: number;
  lastOccursAt: number;
}

/** What a delivery brings to the group that it joins. */
export interface Joining {
  /** When a group that it opened would close. */
  closesAt: number;
  maximumSize: number | null;
  /** How far apart the times may be that members are about; null: however far. */
  spreadMs: number | null;
  /** The time that it is about. */
  occursAt: number;
}

/** Whether `joining` has a place in `group` at `now`; if not, the group is full, and the next one is opened. */
function hasPlace(group: OpenGroup, joining: Joining, now: number): boolean {
  if (group.closesAt < now) return false;
  if (group.maximumSize !== null && group.memberCount >= group.maximumSize) return false;
  if (joining.spreadMs === null) return true;
  const first = Math.min(group.firstOccursAt, joining.occursAt);
  const last = Math.max(group.lastOccursAt, joining.occursAt);
  return last - first <= joining.spreadMs;
}

/** What changes of a group when `joining` joins it. No member waits longer than a group of its own would have it wait. */
const membershipWith = (group: OpenGroup, joining: Joining) => ({
  memberCount: group.memberCount + 1,
  closesAt: Math.min(group.closesAt, joining.closesAt),
  firstOccursAt: Math.min(group.firstOccursAt, joining.occursAt),
  lastOccursAt: Math.max(group.lastOccursAt, joining.occursAt),
});

/** A group with these members takes no more: a batch goes out at once. */
const isFull = ({ memberCount, maximumSize }: OpenGroup): boolean =>
  maximumSize !== null && memberCount >= maximumSize;

/** From now on the group takes no members. */
function setFull(group: OpenGroup): void {
  group.status = "full";
}

/** A group that is opened, before anything has joined it. */
type EmptyGroup = Omit<OpenGroup, "id" | "kind" | "status"> & { status: "open" };

/**
 * Lets a delivery join the open group of its key, or one that `create` opens for it, where there is none or the open one has
 * no place for it. `open` has the groups that take members, by key, and is kept so.
 * @returns the group that it joined, and the one that had no place, which is full from now on
 */
export function joinGroup<Group extends OpenGroup>(
  open: Map<string, Group>,
  key: string,
  joining: Joining,
  now: number,
  create: (empty: EmptyGroup) => Group,
): { group: Group; replaced: Group | null } {
  const found = open.get(key);
  const replaced = found && !hasPlace(found, joining, now) ? found : null;
  if (replaced) setFull(replaced);
  const { closesAt, maximumSize, occursAt } = joining;
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
  Object.assign(group, membershipWith(group, joining));
  // One whose time has come already still takes the deliveries that are decided about with it.
  if (isFull(group)) {
    setFull(group);
    open.delete(key);
  } else open.set(key, group);
  return { group, replaced };
}

/** When the members of a group are due: a full batch goes out at once, a full digest at its time all the same. */
export const groupDueAt = (
  { kind, status, closesAt }: Pick<OpenGroup, "kind" | "status" | "closesAt">,
  now: number,
): number => (kind === "batch" && status === "full" ? now : Math.max(closesAt, now));
