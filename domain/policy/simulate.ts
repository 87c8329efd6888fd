import { hasPlace, isFull, joined, noLoad, type OpenGroup } from "./batching.ts";
import type { Channel } from "../channel.ts";
import {
  decide,
  type Decision,
  type DecisionInput,
  gapMsOf,
  isReleased,
  limitsOn,
} from "./decide.ts";
import { buildDecisionInput, type DecisionContext } from "./decision-input.ts";
import { longestWindowMs, availableAt } from "./limits.ts";
import type { NotificationType } from "./notification-type.ts";
import type { Policy } from "./policy.ts";
import { ageingMs, type Priority } from "../priority.ts";
import type { Reason } from "../delivery/reasons.ts";

/** A message asked for, to one recipient. Instants are milliseconds since the epoch. */
export interface RequestedMessage {
  id: string;
  /** Nothing repeats or supersedes it: of a campaign, or told again as its recipient asked. */
  withoutRepeats: boolean;
  type: NotificationType | null;
  priority: Priority;
  channel: Channel;
  createdAt: number;
  /** When it was to go out at the earliest. */
  askedAt: number;
  occursAt: number | null;
  expiresAt: number | null;
  batchable: boolean;
  bypassRateLimit: boolean;
  dedupKey: string | null;
  /** Was the same asked for within the window before it, or told since, by one that is not among these? */
  repeats: "before" | "since" | null;
  /** Its own; its type's counts where it has none. */
  collapseKey: string | null;
  /** How it waits as the simulation begins; null: it comes when it was asked for. */
  waiting: { dueAt: number; reason: Reason | null; holdCount: number; group: string | null } | null;
}

/** A group that some of those who wait are in. */
export interface WaitingGroup extends OpenGroup {
  kind: "batch" | "digest";
  status: "open" | "full" | "closed";
}

/** What became of a message. */
export interface SimulatedOutcome {
  request: RequestedMessage;
  outcome: "sent" | "suppressed" | "waiting";
  /** When it was sent or suppressed, or when it would be decided about next. */
  at: number;
  /** Why it was suppressed, or waits. */
  reason: Reason | null;
  /** What it was sent with: the id of one of those that went out as one message; null where it was not sent. */
  message: string | null;
  /** What it waited for since the beginning of the simulation, the first first. */
  waits: { reason: Reason; from: number; until: number }[];
}

export interface Simulation {
  recipient: DecisionContext["recipient"] & Pick<DecisionContext, "suppressed" | "grants">;
  /** In the order in which they were created. */
  requests: readonly RequestedMessage[];
  groups?: readonly WaitingGroup[];
  policy: Policy;
  /** What is not done by then waits. */
  until: number;
  /**
   * Told of each decision, with what it weighed, which is good only until it returns. What was to be sent and had no room is
   * decided about again at once.
   */
  watch?: (asked: RequestedMessage, facts: DecisionInput, decision: Decision) => void;
}

/** Deliveries that are decided about together, as a dispatch reads them. */
const pageRows = 200;

/** `simulating` at once. */
export function simulate(simulation: Simulation): SimulatedOutcome[] {
  const steps = simulating(simulation);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * What becomes of the messages to one recipient: everything that a decision looks at is about one recipient, so each can be
 * looked at alone. It is as dispatches have it where every message is sent at once and at the first try, nothing else
 * throttles it, and nobody changes anything meanwhile. Yields now and then, for who has other things to do.
 * @returns one fate for each message, in the order of `asked`
 */
export function* simulating({
  recipient,
  requests: asked,
  groups = [],
  policy,
  until,
  watch,
}: Simulation): Generator<void, SimulatedOutcome[]> {
  const granted = [...recipient.grants.granted];
  const types = [...recipient.grants.types];
  const waitingGroups = new Map(
    groups.map((group): [string, Group] => [group.id, { ...group, members: new Set(), key: "" }]),
  );
  const open = new Map<string, Group>();
  const queue = createQueue();
  const echoes = createEchoes(policy.deduplicationSeconds * 1_000);

  const rows = asked.map((one, order): Row => {
    const { waiting } = one;
    return {
      request: one,
      order,
      dueAt: waiting?.dueAt ?? one.askedAt,
      turn: 0,
      reason: waiting?.reason ?? null,
      holdCount: waiting?.holdCount ?? 0,
      group: waitingGroups.get(waiting?.group ?? "") ?? null,
      source: {
        askedAt: new Date(one.askedAt),
        occursAt: one.occursAt === null ? null : new Date(one.occursAt),
        expiresAt: one.expiresAt === null ? null : new Date(one.expiresAt),
        batchable: one.batchable,
        bypassRateLimit: one.bypassRateLimit,
      },
      outcome: { request: one, outcome: "waiting", at: 0, reason: null, message: null, waits: [] },
    };
  });
  for (const row of rows) {
    queue.add(row);
    echoes.add(row);
    if (row.reason !== null) echoes.came(row);
    const { group } = row;
    if (!group) continue;
    group.members.add(row);
    group.key = keyOf(row.request, group.kind);
    if (group.status === "open") open.set(group.key, group);
  }

  let now = Number.NEGATIVE_INFINITY;
  /** Messages of this page that come before what is decided next: also what is held has its place. */
  let ahead = 0;

  const requeue = (row: Row, dueAt: number) => {
    row.dueAt = dueAt;
    row.turn++;
    queue.add(row);
  };

  const waitFor = (row: Row, reason: Reason, dueAt: number) => {
    row.holdCount = row.reason === reason ? row.holdCount + 1 : 1;
    row.reason = reason;
    const { waits } = row.outcome;
    const last = waits.at(-1);
    // To be held again for the same is to wait longer.
    if (last?.reason === reason && last.until === now) last.until = dueAt;
    else waits.push({ reason, from: now, until: dueAt });
    requeue(row, dueAt);
  };

  const leaveGroup = (row: Row) => {
    row.group?.members.delete(row);
    row.group = null;
  };

  const end = (row: Row, outcome: "sent" | "suppressed", reason: Reason | null) => {
    Object.assign(row.outcome, { outcome, reason, at: now });
    row.turn++;
    leaveGroup(row);
  };

  const bringForward = (group: Group, dueAt: number) => {
    for (const member of group.members) {
      if (member.dueAt <= dueAt || member.reason !== group.kind) continue;
      const wait = member.outcome.waits.at(-1);
      if (wait) wait.until = dueAt;
      requeue(member, dueAt);
    }
  };

  const takesNoMore = (group: Group) => {
    group.status = "full";
    open.delete(group.key);
    bringForward(group, now);
  };

  const merge = ({ row, decision: { into: kind, joining }, released }: Merging) => {
    const key = keyOf(row.request, kind);
    let group = open.get(key);
    if (group && !hasPlace(group, joining, now)) {
      takesNoMore(group);
      group = undefined;
    }
    if (!group) {
      const { closesAt, maximumSize, occursAt } = joining;
      group = {
        id: row.request.id,
        kind,
        status: "open",
        closesAt,
        memberCount: 0,
        maximumSize,
        firstOccursAt: occursAt,
        lastOccursAt: occursAt,
        members: new Set(),
        key,
      };
      open.set(key, group);
    }
    Object.assign(group, joined(group, joining));
    leaveGroup(row);
    row.group = group;
    group.members.add(row);
    waitFor(row, kind, Math.max(group.closesAt, now));
    if (isFull(group)) takesNoMore(group);
    else bringForward(group, Math.max(group.closesAt, now));
    // What was held back with others takes its turn among them.
    if (released && row.dueAt <= now) row.reason = "smoothed_release";
  };

  const hasRoom = (facts: DecisionInput) =>
    (granted.at(-1) ?? Number.NEGATIVE_INFINITY) + gapMsOf(facts) <= now &&
    limitsOn(facts).every((limit) => availableAt(limit, { granted, types }, 0) <= now);

  /** Sent if there is room now, after those before it; otherwise it is decided about again. */
  const claim = ({ rows: members, group, facts }: Message) => {
    if (!hasRoom(facts)) return members.forEach((row) => requeue(row, now));
    while (granted.length > 0 && granted[0]! <= now - longestWindowMs) {
      granted.shift();
      types.shift();
    }
    const { id, type } = members[0]!.request;
    granted.push(now);
    types.push(group?.kind === "digest" ? 0 : (type?.number ?? 0));
    for (const row of members) {
      end(row, "sent", null);
      row.outcome.message = id;
      echoes.sent(row);
    }
    if (!group) return;
    if (open.get(group.key) === group) open.delete(group.key);
    for (const left of group.members) {
      leaveGroup(left);
      Object.assign(left, { reason: "decide_again", holdCount: 0 });
    }
  };

  const decideOn = (row: Row, echo: Echo): { facts: DecisionInput; decision: Decision } => {
    const { request: one, source, reason, holdCount, group } = row;
    const facts = buildDecisionInput({
      now,
      recipient,
      suppressed: recipient.suppressed,
      delivery: { priority: one.priority, channel: one.channel, reason, holdCount, group },
      source,
      type: one.type,
      policy,
      grants: { granted, types },
      ahead,
      ...echo,
      load: noLoad,
    });
    const decision = decide(facts);
    watch?.(one, facts, decision);
    return { facts, decision };
  };

  /**
   * One message: a delivery by itself, or the members of a group, for all of which holds what the first is told. What of
   * it is to be sent, if it is; merges are left for later.
   */
  const weigh = (
    { rows: together, group }: Omit<Message, "facts">,
    echoOf: ReadonlyMap<Row, Echo>,
    merging: Merging[],
  ): Message | null => {
    const staying: Row[] = [];
    let first: ReturnType<typeof decideOn> | undefined;
    for (const row of together) {
      const own = decideOn(row, echoOf.get(row)!);
      const { decision } = own;
      if (decision.kind === "suppress") end(row, "suppressed", decision.reason);
      else if (decision.kind === "merge")
        merging.push({ row, decision, released: isReleased(own.facts) });
      else {
        first ??= own;
        staying.push(row);
      }
    }
    if (!first) return null;
    ahead++;
    const { decision, facts } = first;
    if (decision.kind === "send") return { rows: staying, group, facts };
    if (decision.kind === "hold")
      for (const row of staying) waitFor(row, decision.reason, decision.until);
    return null;
  };

  for (
    let page = queue.next(until, pageRows);
    page.length > 0;
    page = queue.next(until, pageRows)
  ) {
    now = Math.max(now, page[0]!.dueAt);
    ahead = 0;
    const messages = new Map<Group | Row, Omit<Message, "facts">>();
    for (const row of page) {
      const { group } = row;
      if (row.turn === 0 && row.request.waiting?.reason == null) echoes.came(row);
      if (!group) messages.set(row, { rows: [row], group });
      else if (!messages.has(group)) {
        const due = [...group.members].filter(({ dueAt }) => dueAt <= now);
        messages.set(group, { rows: due.toSorted(comesFirst), group });
      }
    }
    const all = [...messages.values()];
    const echoOf = new Map(all.flatMap(({ rows: due }) => due.map((row) => [row, echoes.of(row)])));
    const merging: Merging[] = [];
    const sending = all.flatMap((message) => weigh(message, echoOf, merging) ?? []);
    for (const one of merging) merge(one);
    for (const message of sending) claim(message);
    yield;
  }

  for (const { outcome: fate, reason, dueAt } of rows)
    if (fate.outcome === "waiting") Object.assign(fate, { reason, at: dueAt });
  return rows.map(({ outcome: fate }) => fate);
}

interface Group extends WaitingGroup {
  members: Set<Row>;
  /** Of those that may be in it. */
  key: string;
}

/** What is to go out with others. */
interface Merging {
  row: Row;
  decision: Extract<Decision, { kind: "merge" }>;
  /** It was held back with others. */
  released: boolean;
}

/** What goes out together, by what the first of it was told. */
interface Message {
  rows: readonly Row[];
  group: Group | null;
  facts: DecisionInput;
}

interface Row {
  request: RequestedMessage;
  /** Its place among all, in the order of creation. */
  order: number;
  dueAt: number;
  /** Counts how often it was given another `dueAt`: what the queue has of it from before is void. */
  turn: number;
  reason: Reason | null;
  holdCount: number;
  group: Group | null;
  source: DecisionContext["source"];
  outcome: SimulatedOutcome;
}

const keyOf = ({ channel, type, priority }: RequestedMessage, kind: Group["kind"]) =>
  kind === "digest" ? `digest ${channel}` : `batch ${channel} ${type?.id} ${priority}`;

type Echo = Pick<DecisionContext, "duplicate" | "superseded">;

/** What else was asked for: the same a moment ago, and newer words of the same matter. */
function createEchoes(windowMs: number) {
  /** Of each dedup key the last that was created, and the last of those that were sent. */
  const lastWithKey = new Map<string, Row>();
  const lastSent = new Map<string, number>();
  const repeats = new Set<Row>();
  /** Of each collapse key those that have come, in the order of creation; not all that have ended. */
  const collapsing = new Map<string, Row[]>();

  const collapseKeyOf = ({ request: { withoutRepeats, type, collapseKey } }: Row) => {
    const key = collapseKey ?? type?.collapseKey ?? null;
    return withoutRepeats || key === null ? null : `${type?.id} ${key}`;
  };

  const saysAgain = (row: Row) => row.request.repeats === "before" || repeats.has(row);

  const hasNewer = (row: Row) => {
    const key = collapseKeyOf(row);
    const waiting = key === null || saysAgain(row) ? undefined : collapsing.get(key);
    if (!waiting) return false;
    while (waiting.at(-1)?.outcome.outcome !== "waiting") waiting.pop();
    return waiting.at(-1) !== row;
  };

  return {
    /** In the order of creation. */
    add(row: Row): void {
      const { dedupKey, createdAt } = row.request;
      if (dedupKey !== null) {
        const before = lastWithKey.get(dedupKey)?.request.createdAt ?? Number.NEGATIVE_INFINITY;
        if (before >= createdAt - windowMs) repeats.add(row);
        lastWithKey.set(dedupKey, row);
      }
    },

    /** It waits from now on. */
    came(row: Row): void {
      const key = collapseKeyOf(row);
      // What only says something again takes no place.
      if (key === null || saysAgain(row)) return;
      const waiting = collapsing.get(key) ?? [];
      collapsing.set(key, waiting);
      waiting.splice(waiting.findLastIndex(({ order }) => order < row.order) + 1, 0, row);
    },

    sent({ order, request: { dedupKey } }: Row): void {
      if (dedupKey !== null)
        lastSent.set(dedupKey, Math.max(order, lastSent.get(dedupKey) ?? order));
    },

    /** Of one that waits. */
    of(row: Row): Echo {
      const { dedupKey } = row.request;
      const later = dedupKey === null ? undefined : lastSent.get(dedupKey);
      return {
        duplicate:
          row.request.repeats !== null ||
          repeats.has(row) ||
          (later !== undefined && later > row.order),
        superseded: hasNewer(row),
      };
    },
  };
}

interface Entry {
  row: Row;
  turn: number;
  dueAt: number;
  /** Digests have queues of their own, and take who comes at their time. */
  ofDigest: boolean;
}

/** Of what is due at once the more urgent comes first, and of equals what was created first. */
const comesFirst = (a: Row, b: Row) =>
  ageingMs[a.request.priority] - ageingMs[b.request.priority] || a.order - b.order;

/** Rows by when they are due: a binary heap. */
function createQueue() {
  const heap: Entry[] = [];
  const before = (a: Entry, b: Entry) =>
    (a.dueAt - b.dueAt || Number(a.ofDigest) - Number(b.ofDigest) || comesFirst(a.row, b.row)) < 0;

  return {
    add(row: Row): void {
      const { turn, dueAt, group } = row;
      const entry = { row, turn, dueAt, ofDigest: group?.kind === "digest" };
      let at = heap.length;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!before(entry, heap[parent]!)) break;
        heap[at] = heap[parent]!;
        at = parent;
      }
      heap[at] = entry;
    },

    /** Up to `limit` of those that are due first, at one instant by `until` and in one queue. */
    next(until: number, limit: number): Row[] {
      const page: Entry[] = [];
      for (let top = heap[0]; top !== undefined; top = heap[0]) {
        const isVoid = top.turn !== top.row.turn;
        const [{ dueAt, ofDigest } = { dueAt: until, ofDigest: top.ofDigest }] = page;
        if (!isVoid && (top.dueAt > dueAt || top.ofDigest !== ofDigest || page.length === limit))
          break;
        removeTop();
        if (!isVoid) page.push(top);
      }
      return page.map(({ row }) => row);
    },
  };

  function removeTop(): void {
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
