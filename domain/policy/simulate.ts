import { nextHoldCount } from "../delivery/hold-count.ts";
import type { Reason } from "../delivery/reasons.ts";
import { groupDueAt, joinGroup, noLoad } from "./batching.ts";
import { decide } from "./decide.ts";
import type { Decision, DecisionInput } from "./decision.ts";
import { isQuiet } from "./route.ts";
import { isReleased } from "./rules.ts";
import { buildDecisionInput, type DecisionContext } from "./decision-input.ts";
import { findRoomAt, longestWindowMs } from "./limits.ts";
import { suppressionOn } from "../suppression.ts";
import { compareRows, createQueue } from "./simulate-queue.ts";
import { createRepeats } from "./simulate-repeats.ts";
import type {
  RequestedMessage,
  SimulatedGroup,
  SimulatedOutcome,
  SimulatedRow,
  Simulation,
} from "./simulate-types.ts";

/** The number of deliveries that are decided together, as in a dispatch. */
const pageRows = 200;

/** Runs `simulateInSteps` to its end. */
export function simulate(simulation: Simulation): SimulatedOutcome[] {
  const steps = simulateInSteps(simulation);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * Simulates the messages to one recipient. A decision depends on facts about one recipient only, so recipients can be
 * simulated one by one. The outcome is that of real dispatches in which every message is sent at the first attempt, no rate
 * limit applies and nothing is changed meanwhile. Yields after each page, so that callers can do other work.
 * @returns one outcome for each message, in the order of `requests`
 */
export function* simulateInSteps(simulation: Simulation): Generator<void, SimulatedOutcome[]> {
  const run = new SimulationRun(simulation);
  while (run.dispatchPage()) yield;
  return run.outcomes();
}

/** A delivery by itself, or the members of a group that go out together. */
interface Message {
  rows: readonly SimulatedRow[];
  group: SimulatedGroup | null;
}

/** A message that is to be sent, with the decision about the first of its deliveries. */
interface OutgoingMessage extends Message {
  decision: Extract<Decision, { kind: "send" }>;
}

/** A delivery that joins a group. */
interface Merging {
  row: SimulatedRow;
  decision: Extract<Decision, { kind: "merge" }>;
  /** Whether the delivery was held back with others. */
  released: boolean;
}

type RepeatsOf = ReadonlyMap<
  SimulatedRow,
  Pick<DecisionContext, "duplicate" | "superseded" | "undecided">
>;

/** A running simulation. Its state is what the ledger would hold at the simulated instant. */
class SimulationRun {
  readonly #simulation: Simulation;
  readonly #granted: number[];
  readonly #types: number[];
  readonly #rows: readonly SimulatedRow[];
  /** The open groups, by key. */
  readonly #open = new Map<string, SimulatedGroup>();
  readonly #queue = createQueue();
  readonly #repeats: ReturnType<typeof createRepeats>;
  #now: number;
  /** The number of messages of this page before the one that is decided next, including those that are held. */
  #ahead = 0;

  constructor(simulation: Simulation) {
    const { recipient, requests, groups = [], policy, from } = simulation;
    this.#simulation = simulation;
    this.#granted = [...recipient.grants.granted];
    // A message may have been granted after `from` was read: before that instant, there would never be room for another one.
    this.#now = Math.max(
      from ?? Number.NEGATIVE_INFINITY,
      this.#granted.at(-1) ?? Number.NEGATIVE_INFINITY,
    );
    this.#types = [...recipient.grants.types];
    const waitingGroups = new Map(
      groups.map((group): [string, SimulatedGroup] => [
        group.id,
        { ...group, members: new Set(), key: "" },
      ]),
    );
    this.#rows = requests.map((request, order) =>
      rowOf(request, order, waitingGroups.get(request.waiting?.group ?? "") ?? null),
    );
    this.#repeats = createRepeats(this.#rows, policy.deduplicationSeconds * 1_000);
    for (const row of this.#rows) this.#add(row);
  }

  #add(row: SimulatedRow): void {
    this.#queue.add(row);
    if (row.reason !== null) this.#repeats.arrive(row);
    const { group } = row;
    if (!group) return;
    group.members.add(row);
    group.key = keyOf(row.request, group.kind);
    if (group.status === "open") this.#open.set(group.key, group);
  }

  /** Decides and sends a page of the deliveries that are due next; returns false if none is due before the end. */
  dispatchPage(): boolean {
    const page = this.#queue.take(this.#simulation.until, pageRows);
    if (page.length === 0) return false;
    this.#now = Math.max(this.#now, page[0]!.dueAt);
    this.#ahead = 0;
    const messages = this.#messagesOf(page);
    const repeatsOf = new Map(
      messages.flatMap(({ rows }) => rows.map((row) => [row, this.#repeats.find(row)])),
    );
    const merging: Merging[] = [];
    const outgoing = messages.flatMap((message) => this.#decide(message, repeatsOf, merging) ?? []);
    for (const merge of merging) this.#merge(merge);
    for (const message of outgoing) this.#claim(message);
    return true;
  }

  outcomes(): SimulatedOutcome[] {
    for (const { outcome, reason, dueAt } of this.#rows)
      if (outcome.outcome === "waiting") Object.assign(outcome, { reason, at: dueAt });
    return this.#rows.map(({ outcome }) => outcome);
  }

  #messagesOf(page: readonly SimulatedRow[]): Message[] {
    const messages = new Map<SimulatedGroup | SimulatedRow, Message>();
    for (const row of page) {
      const { group } = row;
      if (row.turn === 0 && row.request.waiting?.reason == null) this.#repeats.arrive(row);
      if (!group) messages.set(row, { rows: [row], group });
      else if (!messages.has(group)) {
        const due = [...group.members].filter(({ dueAt }) => dueAt <= this.#now);
        messages.set(group, { rows: due.toSorted(compareDue), group });
      }
    }
    return [...messages.values()];
  }

  /**
   * Decides about each delivery of a message. The decision about the first member of a group applies to all that stay in the
   * group. Deliveries that join a group are added to `merging`.
   * @returns the part of the message that is to be sent; null if nothing is
   */
  #decide(message: Message, repeatsOf: RepeatsOf, merging: Merging[]): OutgoingMessage | null {
    const staying: SimulatedRow[] = [];
    let decision: Decision | undefined;
    for (const row of message.rows) {
      const input = this.#inputOf(row, repeatsOf);
      const rowDecision = decide(input);
      this.#simulation.watch?.(row.request, input, rowDecision);
      if (rowDecision.kind === "suppress") this.#end(row, "suppressed", rowDecision.reason);
      else if (rowDecision.kind === "merge")
        merging.push({ row, decision: rowDecision, released: isReleased(input) });
      else {
        decision ??= rowDecision;
        staying.push(row);
      }
    }
    if (!decision) return null;
    if (!isQuiet(staying[0]!.request.channel)) this.#ahead++;
    if (decision.kind === "send") return { rows: staying, group: message.group, decision };
    if (decision.kind === "hold")
      for (const row of staying) this.#hold(row, decision.reason, decision.until);
    return null;
  }

  #inputOf(row: SimulatedRow, repeatsOf: RepeatsOf): DecisionInput {
    const { request, source, reason, holdCount, group } = row;
    const { recipient, policy } = this.#simulation;
    return buildDecisionInput({
      now: this.#now,
      recipient,
      suppression: suppressionOn(request.channel, recipient),
      delivery: {
        priority: request.priority,
        channel: request.channel,
        reason,
        holdCount,
        group,
        stage: null,
        topic: request.topic,
      },
      source,
      type: request.type,
      policy,
      grants: { granted: this.#granted, types: this.#types },
      ahead: this.#ahead,
      ...repeatsOf.get(row)!,
      load: noLoad,
    });
  }

  #merge({ row, decision: { into: kind, joinRequest }, released }: Merging): void {
    const now = this.#now;
    const key = keyOf(row.request, kind);
    const { group, replaced } = joinGroup(this.#open, key, joinRequest, now, (empty) => ({
      ...empty,
      id: row.request.id,
      kind,
      members: new Set<SimulatedRow>(),
      key,
    }));
    if (replaced) this.#bringForward(replaced);
    leaveGroup(row);
    row.group = group;
    group.members.add(row);
    this.#hold(row, kind, groupDueAt(group, now));
    this.#bringForward(group);
    // A delivery that was held back with others is still released in turn.
    if (released && row.dueAt <= now) row.reason = "smoothed_release";
  }

  /** Sends the message if the limits have room now, after the messages before it. Otherwise it is decided again. */
  #claim({ rows, group, decision }: OutgoingMessage): void {
    const now = this.#now;
    const { id, type, channel } = rows[0]!.request;
    if (!isQuiet(channel)) {
      if (!this.#hasRoom(decision)) return rows.forEach((row) => this.#requeue(row, now));
      this.#grant(group?.kind === "digest" ? 0 : (type?.number ?? 0));
    }
    for (const row of rows) {
      this.#end(row, "sent", null);
      row.outcome.message = id;
      this.#repeats.send(row);
    }
    if (group) this.#close(group);
  }

  #grant(typeNumber: number): void {
    while (this.#granted.length > 0 && this.#granted[0]! <= this.#now - longestWindowMs) {
      this.#granted.shift();
      this.#types.shift();
    }
    this.#granted.push(this.#now);
    this.#types.push(typeNumber);
  }

  #hasRoom({ limits, gapMs }: OutgoingMessage["decision"]): boolean {
    const log = { granted: this.#granted, types: this.#types };
    return (
      (log.granted.at(-1) ?? Number.NEGATIVE_INFINITY) + gapMs <= this.#now &&
      limits.every((limit) => findRoomAt(limit, log, 0) <= this.#now)
    );
  }

  /** Closes a group that has gone out. Members that were not due leave it and are decided again. */
  #close(group: SimulatedGroup): void {
    if (this.#open.get(group.key) === group) this.#open.delete(group.key);
    for (const row of group.members) {
      leaveGroup(row);
      Object.assign(row, { reason: "decide_again", holdCount: 0 });
    }
  }

  #hold(row: SimulatedRow, reason: Reason, dueAt: number): void {
    row.holdCount = nextHoldCount(row, reason);
    row.reason = reason;
    const { waits } = row.outcome;
    const last = waits.at(-1);
    // A second hold for the same reason prolongs the wait.
    if (last?.reason === reason && last.until === this.#now) last.until = dueAt;
    else waits.push({ reason, from: this.#now, until: dueAt });
    this.#requeue(row, dueAt);
  }

  /** Makes the earlier members of a group due no later than the group. */
  #bringForward(group: SimulatedGroup): void {
    const dueAt = groupDueAt(group, this.#now);
    for (const member of group.members) {
      if (member.dueAt <= dueAt || member.reason !== group.kind) continue;
      const wait = member.outcome.waits.at(-1);
      if (wait) wait.until = dueAt;
      this.#requeue(member, dueAt);
    }
  }

  #requeue(row: SimulatedRow, dueAt: number): void {
    row.dueAt = dueAt;
    row.turn++;
    this.#queue.add(row);
  }

  #end(row: SimulatedRow, outcome: "sent" | "suppressed", reason: Reason | null): void {
    Object.assign(row.outcome, { outcome, reason, at: this.#now });
    row.turn++;
    leaveGroup(row);
  }
}

function rowOf(
  request: RequestedMessage,
  order: number,
  group: SimulatedGroup | null,
): SimulatedRow {
  const { waiting, occursAt, expiresAt } = request;
  return {
    request,
    order,
    dueAt: waiting?.dueAt ?? request.askedAt,
    turn: 0,
    reason: waiting?.reason ?? null,
    holdCount: waiting?.holdCount ?? 0,
    group,
    source: {
      askedAt: new Date(request.askedAt),
      occursAt: occursAt === null ? null : new Date(occursAt),
      expiresAt: expiresAt === null ? null : new Date(expiresAt),
      batchable: request.batchable,
      bypassRateLimit: request.bypassRateLimit,
    },
    outcome: { request, outcome: "waiting", at: 0, reason: null, message: null, waits: [] },
  };
}

const keyOf = ({ channel, type, priority }: RequestedMessage, kind: SimulatedGroup["kind"]) =>
  kind === "digest" ? `digest ${channel}` : `batch ${channel} ${type?.id} ${priority}`;

const compareDue = (a: SimulatedRow, b: SimulatedRow) =>
  compareRows({ row: a, dueAt: a.dueAt }, { row: b, dueAt: b.dueAt });

function leaveGroup(row: SimulatedRow): void {
  row.group?.members.delete(row);
  row.group = null;
}
