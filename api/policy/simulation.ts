import type { Pool } from "pg";
import { creationOf, firstUuidAt } from "../../domain/ids.ts";
import { noGrants } from "../../domain/policy/limits.ts";
import { dayMs } from "../../domain/time/local-time.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { simulateInSteps } from "../../domain/policy/simulate.ts";
import type { RequestedMessage, SimulatedOutcome } from "../../domain/policy/simulate-types.ts";
import {
  requestColumns,
  toRequestedMessage,
  type RequestRow,
  requestTables,
  type RecipientState,
  readRecipientStates,
} from "../../ledger/recipient-snapshot.ts";
import { createYield } from "../../lib/yielding.ts";

/** How long after the window a message may still be sent; then it counts as waiting. Covers the longest digest and a week of do-not-disturb. */
const afterwardsMs = 15 * dayMs;
const recipientsAtOnce = 1_000;
/** The maximum number of steps of one simulation. A message that a limit holds for weeks takes a step for every five minutes. */
const maxSteps = 200_000;
export const exampleCount = 20;

/** The simulation would take longer than a caller waits. */
export class TooMuch extends Error {
  override name = "TooMuch";
}

/** The rules of the organisation. */
export interface Regime {
  policy: Policy;
  /** The notification types by UUID. */
  types: ReadonlyMap<string, NotificationType>;
}

/** The outcome of one delivery, and the number of messages to its recipient. */
interface Outcome {
  status: SimulatedOutcome["outcome"];
  reason: Reason | null;
  at: Date;
  /** All messages to the recipient in the whole window. */
  messages: number;
}

interface Example {
  /** The UUID of the recipient. */
  recipient: string;
  /** The UUID of the delivery. */
  delivery: string;
  before: Outcome;
  after: Outcome;
}

/** How many recipients get a different result, with examples. */
interface Difference {
  recipients: number;
  /** How many messages more or fewer they get, or how many deliveries are sent at another time. */
  count: number;
  examples: Example[];
}

interface Totals {
  deliveries: number;
  messages: number;
  /** How many messages were saved because groups were sent as one message. */
  saved: number;
  suppressed: Partial<Record<Reason, number>>;
  waiting: number;
  delayed: { count: number; totalSeconds: number; p50Seconds: number; p95Seconds: number };
}

export interface PolicySimulation {
  recipients: number;
  deliveries: number;
  /** If the window has more deliveries than the limit: when the last simulated one was created. */
  cutOffAt: Date | null;
  before: Totals;
  after: Totals;
  more: Difference;
  fewer: Difference;
  later: Difference;
  earlier: Difference;
}

const rowsSql = `
  SELECT ${requestColumns} FROM ${requestTables}
  WHERE d.id >= $1::uuid AND d.id < $2::uuid AND d.leg = 'primary' AND d.status <> 'cancelled' ORDER BY d.id LIMIT $3`;

/**
 * Simulates the deliveries of a window in the past under two regimes, with the recipients as they are now. Yields to other work of the
 * event loop in between. Throws `TooMuch` if the simulation would take more than about a minute.
 */
export async function simulatePolicy(
  pool: Pick<Pool, "query">,
  { from, until, limit }: { from: Date; until: Date; limit: number },
  before: Regime,
  after: Regime,
): Promise<PolicySimulation> {
  const { rows } = await pool.query<RequestRow>(rowsSql, [
    firstUuidAt(from),
    firstUuidAt(until),
    limit + 1,
  ]);
  const cut = rows.length > limit;
  if (cut) rows.pop();
  const byRecipient = new Map<string, RequestRow[]>();
  for (const row of rows) {
    const others = byRecipient.get(row.recipientId);
    if (others) others.push(row);
    else byRecipient.set(row.recipientId, [row]);
  }
  const ids = [...byRecipient.keys()];
  const horizon = until.getTime() + afterwardsMs;
  const tallies = [createTally(), createTally()] as const;
  const differences = createDifferences();
  const yieldTurn = createYield();
  let steps = 0;

  const simulateUnder = async (
    { policy, types }: Regime,
    recipient: RecipientState,
    regime: 0 | 1,
  ) => {
    const requests = byRecipient
      .get(recipient.id)!
      .map((row) => withPriorityOfType(toRequestedMessage(row, types), before.types));
    const simulation = simulateInSteps({
      recipient: { ...recipient, grants: noGrants },
      requests,
      policy,
      until: horizon,
    });
    for (;;) {
      const step = simulation.next();
      if (step.done) {
        tallies[regime].add(step.value);
        return step.value;
      }
      if (++steps > maxSteps) throw new TooMuch();
      await yieldTurn();
    }
  };

  for (let start = 0; start < ids.length; start += recipientsAtOnce) {
    const recipients = await readRecipientStates(pool, ids.slice(start, start + recipientsAtOnce));
    for (const recipient of recipients.values()) {
      const was = await simulateUnder(before, recipient, 0);
      const would = await simulateUnder(after, recipient, 1);
      differences.add(recipient.id, was, would);
    }
  }
  return {
    recipients: ids.length,
    deliveries: rows.length,
    cutOffAt: cut ? creationOf(rows.at(-1)!.id) : null,
    before: tallies[0].totals(),
    after: tallies[1].totals(),
    ...differences.found,
  };
}

/** Gives a message the priority of its simulated type if it had that of its current type, because then it probably had none of its own. */
function withPriorityOfType(
  request: RequestedMessage,
  before: ReadonlyMap<string, NotificationType>,
): RequestedMessage {
  const { type, priority } = request;
  return type && before.get(type.id)?.priority === priority
    ? { ...request, priority: type.priority }
    : request;
}

const messagesOf = (outcomes: readonly SimulatedOutcome[]) =>
  new Set(outcomes.flatMap(({ message }) => message ?? [])).size;

function createTally() {
  const delays: number[] = [];
  const suppressed: Totals["suppressed"] = {};
  let [deliveries, messages, waiting] = [0, 0, 0];
  return {
    add(outcomes: readonly SimulatedOutcome[]): void {
      messages += messagesOf(outcomes);
      for (const { outcome, reason, at, request } of outcomes) {
        if (outcome === "waiting") waiting++;
        else if (outcome === "suppressed") suppressed[reason!] = (suppressed[reason!] ?? 0) + 1;
        else {
          deliveries++;
          if (at > request.askedAt) delays.push((at - request.askedAt) / 1_000);
        }
      }
    },
    totals(): Totals {
      const sorted = Float64Array.from(delays).sort();
      const percentile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
      return {
        deliveries,
        messages,
        saved: deliveries - messages,
        suppressed,
        waiting,
        delayed: {
          count: sorted.length,
          totalSeconds: sorted.reduce((sum, delay) => sum + delay, 0),
          p50Seconds: percentile(0.5),
          p95Seconds: percentile(0.95),
        },
      };
    },
  };
}

function createDifferences() {
  const none = (): Difference => ({ recipients: 0, count: 0, examples: [] });
  const found = { more: none(), fewer: none(), later: none(), earlier: none() };
  const addTo = (difference: Difference, count: number, example: () => Example) => {
    difference.recipients++;
    difference.count += count;
    if (difference.examples.length < exampleCount) difference.examples.push(example());
  };
  return {
    found,
    /** Compares the outcomes of one recipient under both regimes. Both arrays have the same order. */
    add(
      recipient: string,
      was: readonly SimulatedOutcome[],
      would: readonly SimulatedOutcome[],
    ): void {
      const [messagesBefore, messagesAfter] = [messagesOf(was), messagesOf(would)];
      const exampleOf = (place: number) => (): Example => ({
        recipient,
        delivery: was[place]!.request.id,
        before: outcomeOf(was[place]!, messagesBefore),
        after: outcomeOf(would[place]!, messagesAfter),
      });
      const shifts = was.map(({ outcome, at }, place) => {
        const other = would[place]!;
        return outcome === "sent" && other.outcome === "sent" ? other.at - at : 0;
      });
      const later = shifts.filter((shift) => shift > 0).length;
      const earlier = shifts.filter((shift) => shift < 0).length;
      if (later > 0) addTo(found.later, later, exampleOf(shifts.findIndex((shift) => shift > 0)));
      if (earlier > 0)
        addTo(found.earlier, earlier, exampleOf(shifts.findIndex((shift) => shift < 0)));
      if (messagesBefore === messagesAfter) return;
      const [more, by] =
        messagesAfter > messagesBefore
          ? [found.more, messagesAfter - messagesBefore]
          : [found.fewer, messagesBefore - messagesAfter];
      addTo(
        more,
        by,
        exampleOf(was.findIndex((outcome, place) => differs(outcome, would[place]!))),
      );
    },
  };
}

const outcomeOf = ({ outcome, reason, at }: SimulatedOutcome, messages: number): Outcome => ({
  status: outcome,
  reason,
  at: new Date(at),
  messages,
});

const differs = (a: SimulatedOutcome, b: SimulatedOutcome) =>
  a.outcome !== b.outcome || a.at !== b.at || a.message !== b.message;
