import { setImmediate } from "node:timers/promises";
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

/** What is not done so long after the window waits: the longest digest, and a week of do-not-disturb. */
const afterwardsMs = 15 * dayMs;
/** How long others wait for the event loop at most, as far as one page of one recipient allows. */
const sliceMs = 10;
const recipientsAtOnce = 1_000;
/** Looks at what is due, in all: what limits hold for weeks is looked at every five minutes of them. */
const maxLooks = 200_000;
export const exampleCount = 20;

/** More was to be run than anybody would wait for. */
export class TooMuch extends Error {
  override name = "TooMuch";
}

/** What the organisation says. */
export interface Regime {
  policy: Policy;
  /** By UUID. */
  types: ReadonlyMap<string, NotificationType>;
}

/** What came of one delivery, and of all that its recipient was to be told. */
interface Outcome {
  status: SimulatedOutcome["outcome"];
  reason: Reason | null;
  at: Date;
  /** To the recipient, in all. */
  messages: number;
}

interface Example {
  /** UUIDs. */
  recipient: string;
  delivery: string;
  before: Outcome;
  after: Outcome;
}

/** Those for whom something is different, and some of them. */
interface Difference {
  recipients: number;
  /** Messages that they get more or fewer of, or deliveries that come at another time. */
  count: number;
  examples: Example[];
}

interface Totals {
  deliveries: number;
  messages: number;
  /** Messages that groups made needless. */
  saved: number;
  suppressed: Partial<Record<Reason, number>>;
  waiting: number;
  delayed: { count: number; totalSeconds: number; p50Seconds: number; p95Seconds: number };
}

export interface PolicySimulation {
  recipients: number;
  deliveries: number;
  /** When the last of them was made, where there were more than were asked for. */
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
 * Runs what was owed in a window of the past under two regimes, to recipients as they are now. Others have their turn at the
 * event loop in between. Throws `TooMuch` where no answer would come within a minute or so.
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
  const turn = createTurn();
  let looks = 0;

  const simulateUnder = async (
    { policy, types }: Regime,
    recipient: RecipientState,
    regime: 0 | 1,
  ) => {
    const requests = byRecipient
      .get(recipient.id)!
      .map((row) => withPriorityOfType(toRequestedMessage(row, types), before.types));
    const steps = simulateInSteps({
      recipient: { ...recipient, grants: noGrants },
      requests,
      policy,
      until: horizon,
    });
    for (;;) {
      const step = steps.next();
      if (step.done) {
        tallies[regime].add(step.value);
        return step.value;
      }
      if (++looks > maxLooks) throw new TooMuch();
      await turn();
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

/** A message of its type's priority brought none of its own, as far as anybody can tell: it has what its type says then. */
function withPriorityOfType(
  request: RequestedMessage,
  before: ReadonlyMap<string, NotificationType>,
): RequestedMessage {
  const { type, priority } = request;
  return type && before.get(type.id)?.priority === priority
    ? { ...request, priority: type.priority }
    : request;
}

/** Lets others have the event loop when they have waited for a while. */
function createTurn() {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < sliceMs) return;
    await setImmediate();
    since = performance.now();
  };
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
  const note = (of: Difference, count: number, example: () => Example) => {
    of.recipients++;
    of.count += count;
    if (of.examples.length < exampleCount) of.examples.push(example());
  };
  return {
    found,
    /** Of one recipient, in the same order. */
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
      if (later > 0) note(found.later, later, exampleOf(shifts.findIndex((shift) => shift > 0)));
      if (earlier > 0)
        note(found.earlier, earlier, exampleOf(shifts.findIndex((shift) => shift < 0)));
      if (messagesBefore === messagesAfter) return;
      const [more, by] =
        messagesAfter > messagesBefore
          ? [found.more, messagesAfter - messagesBefore]
          : [found.fewer, messagesBefore - messagesAfter];
      note(more, by, exampleOf(was.findIndex((outcome, place) => differs(outcome, would[place]!))));
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
