import { nextHoldCount } from "../delivery/hold-count.ts";
import type { Reason } from "../delivery/reasons.ts";
import { groupDueAt, joinGroup, noLoad } from "./batching.ts";
import { decide, type Decision, type DecisionInput, isReleased } from "./decide.ts";
import { buildDecisionInput, type DecisionContext } from "./decision-input.ts";
import { availableAt, longestWindowMs } from "./limits.ts";
import { compareRows, createQueue } from "./simulate-queue.ts";
import { createRepeats } from "./simulate-repeats.ts";
import type {
  RequestedMessage,
  SimulatedGroup,
  SimulatedOutcome,
  SimulatedRow,
  Simulation,
} from "./simulate-types.ts";

/** Deliveries that are decided about together, as a dispatch reads them. */
const pageRows = 200;

/** `simulateInSteps` at once. */
export function simulate(simulation: Simulation): SimulatedOutcome[] {
  const steps = simulateInSteps(simulation);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * What becomes of the messages to one recipient: everything that a decision looks at is about one recipient, so each can be
 * looked at alone. It is as dispatches have it where every message is sent at once and at the first try, nothing else
 * throttles it, and nobody changes anything meanwhile. Yields after each page, for callers that have other things to do.
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

/** A message that is to be sent, by the decision about the first of its deliveries. */
interface OutgoingMessage extends Message {
  decision: Extract<Decision, { kind: "send" }>;
}

/** A delivery that is to join a group. */
interface Merging {
  row: SimulatedRow;
  decision: Extract<Decision, { kind: "merge" }>;
  /** It was held back with others. */
  released: boolean;
}

type RepeatsOf = ReadonlyMap<
  SimulatedRow,
  Pick<DecisionContext, "duplicate" | "superseded" | "undecided">
>;

/** A simulation under way: what the ledger would hold at its instant. */
class SimulationRun {
  readonly #simulation: Simulation;
  readonly #granted: number[];
  readonly #types: number[];
  readonly #rows: readonly SimulatedRow[];
  /** The groups that take members, by key. */
  readonly #open = new Map<string, SimulatedGroup>();
  readonly #queue = createQueue();
  readonly #repeats: ReturnType<typeof createRepeats>;
  #now = Number.NEGATIVE_INFINITY;
  /** Messages of this page that come before the one that is decided next: also one that is held has its place. */
  #ahead = 0;

  constructor(simulation: Simulation) {
    const { recipient, requests, groups = [], policy } = simulation;
    this.#simulation = simulation;
    this.#granted = [...recipient.grants.granted];
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

  /** Decides about a page of the deliveries that are due next, and sends; false if none is due by the end. */
  dispatchPage(): boolean {
    const page = this.#queue.next(this.#simulation.until, pageRows);
    if (page.length === 0) return false;
    this.#now = Math.max(this.#now, page[0]!.dueAt);
    this.#ahead = 0;
    const messages = this.#messagesOf(page);
    const repeatsOf = new Map(
      messages.flatMap(({ rows }) => rows.map((row) => [row, this.#repeats.of(row)])),
    );
    const merging: Merging[] = [];
    const outgoing = messages.flatMap((message) => this.#decide(message, repeatsOf, merging) ?? []);
    for (const one of merging) this.#merge(one);
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
   * Decides about each delivery of a message; the decision about the first of a group holds for all that stay in it. Deliveries
   * that are to join a group are left for later.
   * @returns what of the message is to be sent, if anything is
   */
  #decide(message: Message, repeatsOf: RepeatsOf, merging: Merging[]): OutgoingMessage | null {
    const staying: SimulatedRow[] = [];
    let decision: Decision | undefined;
    for (const row of message.rows) {
      const input = this.#inputOf(row, repeatsOf);
      const own = decide(input);
      this.#simulation.watch?.(row.request, input, own);
      if (own.kind === "suppress") this.#end(row, "suppressed", own.reason);
      else if (own.kind === "merge")
        merging.push({ row, decision: own, released: isReleased(input) });
      else {
        decision ??= own;
        staying.push(row);
      }
    }
    if (!decision) return null;
    this.#ahead++;
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
      suppression: recipient.suppression,
      delivery: { priority: request.priority, channel: request.channel, reason, holdCount, group },
      source,
      type: request.type,
      policy,
      grants: { granted: this.#granted, types: this.#types },
      ahead: this.#ahead,
      ...repeatsOf.get(row)!,
      load: noLoad,
    });
  }

  #merge({ row, decision: { into: kind, joining }, released }: Merging): void {
    const now = this.#now;
    const key = keyOf(row.request, kind);
    const { group, replaced } = joinGroup(this.#open, key, joining, now, (empty) => ({
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
    // A delivery that was held back with others takes its turn among them.
    if (released && row.dueAt <= now) row.reason = "smoothed_release";
  }

  /** Sends the message if there is room now, after those before it; otherwise it is decided about again. */
  #claim({ rows, group, decision }: OutgoingMessage): void {
    const now = this.#now;
    if (!this.#hasRoom(decision)) return rows.forEach((row) => this.#requeue(row, now));
    while (this.#granted.length > 0 && this.#granted[0]! <= now - longestWindowMs) {
      this.#granted.shift();
      this.#types.shift();
    }
    const { id, type } = rows[0]!.request;
    this.#granted.push(now);
    this.#types.push(group?.kind === "digest" ? 0 : (type?.number ?? 0));
    for (const row of rows) {
      this.#end(row, "sent", null);
      row.outcome.message = id;
      this.#repeats.send(row);
    }
    if (group) this.#close(group);
  }

  #hasRoom({ limits, gapMs }: OutgoingMessage["decision"]): boolean {
    const log = { granted: this.#granted, types: this.#types };
    return (
      (log.granted.at(-1) ?? Number.NEGATIVE_INFINITY) + gapMs <= this.#now &&
      limits.every((limit) => availableAt(limit, log, 0) <= this.#now)
    );
  }

  /** The group has gone out: the members that were not due are left behind. */
  #close(group: SimulatedGroup): void {
    if (this.#open.get(group.key) === group) this.#open.delete(group.key);
    for (const left of group.members) {
      leaveGroup(left);
      Object.assign(left, { reason: "decide_again", holdCount: 0 });
    }
  }

  #hold(row: SimulatedRow, reason: Reason, dueAt: number): void {
    row.holdCount = nextHoldCount(row, reason);
    row.reason = reason;
    const { waits } = row.outcome;
    const last = waits.at(-1);
    // To be held again for the same reason is to wait longer.
    if (last?.reason === reason && last.until === this.#now) last.until = dueAt;
    else waits.push({ reason, from: this.#now, until: dueAt });
    this.#requeue(row, dueAt);
  }

  /** The members that joined a group before are due no later than those that join it now. */
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
