import type { Pool } from "pg";
import type { Channel } from "../../domain/channel.ts";
import type { ResolvedRoute, routedChannels, Stage } from "../../domain/policy/route.ts";
import { type RoutedStage, routeStages } from "../../domain/policy/route-stages.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import {
  chooseRecordedRoutes,
  readContentChannels,
  recordedColumns,
  type RecordedRow,
  type Regime,
} from "./recorded-routes.ts";
import { creationOf, firstUuidAt } from "../../domain/ids.ts";
import { noGrants } from "../../domain/policy/limits.ts";
import { dayMs } from "../../domain/time/durations.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { simulateInSteps } from "../../domain/policy/simulate.ts";
import type { RequestedMessage, SimulatedOutcome } from "../../domain/policy/simulate-types.ts";
import {
  requestColumns,
  toRequestedMessage,
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

/** The outcome of one message, and the number of messages to its recipient. */
interface Outcome {
  status: SimulatedOutcome["outcome"];
  reason: Reason | null;
  at: Date;
  /** All messages to the recipient in the whole window. */
  messages: number;
  /** The channel of the first stage. */
  channel: Channel;
  passedOver: RoutedStage["passedOver"];
  /** The further stages of the route. */
  stages: { stage: number; channel: Channel; after: NonNullable<Stage["after"]> | null }[];
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
  /** The deliveries that would be sent, by channel. */
  channels: Partial<Record<Channel, number>>;
  /** The deliveries for which a channel would be passed over. */
  passedOver: Partial<Record<Channel, number>>;
  /** The later stages that may follow. */
  later: number;
}

/** The rules by which messages are simulated. */
interface SimulatedRules {
  /** The routing rules in force. */
  rulebook: Rulebook;
  before: Regime;
  after: Regime;
  /** Whether this installation sends messages on a channel. */
  isOffered: (channel: Channel) => boolean;
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
  rerouted: Difference;
}

const rowsSql = `
  SELECT ${requestColumns}, ${recordedColumns} FROM ${requestTables}
  WHERE d.id >= $1::uuid AND d.id < $2::uuid AND d.leg = 'primary' AND d.status <> 'cancelled' ORDER BY d.id LIMIT $3`;

/** What happens to one recorded message: the outcomes of the stages that begin at once, and all its stages. */
interface MessageOutcome {
  outcomes: readonly [SimulatedOutcome, ...SimulatedOutcome[]];
  stages: readonly RoutedStage[];
}

/**
 * Simulates the messages of a window in the past under two regimes, with the recipients as they are now. Yields to other work of the
 * event loop in between. Throws `TooMuch` if the simulation would take more than about a minute.
 */
export async function simulatePolicy(
  pool: Pick<Pool, "query">,
  { from, until, limit }: { from: Date; until: Date; limit: number },
  { rulebook, isOffered, ...regimes }: SimulatedRules,
): Promise<PolicySimulation> {
  const { rows } = await pool.query<RecordedRow>(rowsSql, [
    firstUuidAt(from),
    firstUuidAt(until),
    limit + 1,
  ]);
  const cut = rows.length > limit;
  if (cut) rows.pop();
  const byRecipient = new Map<string, RecordedRow[]>();
  for (const row of rows) {
    const others = byRecipient.get(row.recipientId);
    if (others) others.push(row);
    else byRecipient.set(row.recipientId, [row]);
  }
  const ids = [...byRecipient.keys()];
  const horizon = until.getTime() + afterwardsMs;
  const describe = (row: RecordedRow, { types }: Regime) =>
    withPriorityOfType(toRequestedMessage(row, types), regimes.before.types);
  const routeOf = await chooseRecordedRoutes(pool, rulebook, rows, regimes, describe);
  const contentOf = await readContentChannels(pool, rows);
  const tallies = { before: createTally(), after: createTally() };
  const differences = createDifferences();
  const yieldTurn = createYield();
  let steps = 0;

  const simulateUnder = async (recipient: RecipientState, name: keyof typeof regimes) => {
    const regime = regimes[name];
    const messages = byRecipient.get(recipient.id)!.map((row) => {
      const message = describe(row, regime);
      const { type } = message;
      const { route, priority: ruled } = routeOf(row, name) ?? { route: keptRoute(row) };
      // The messages of a campaign keep its priority.
      const priority = (row.campaignId === null ? ruled : undefined) ?? message.priority;
      const { policy } = regime;
      const content = contentOf(row);
      const stages = routeStages({ route, type, policy, priority, content, recipient, isOffered });
      const requests = stages
        .filter(({ stage }) => stage.after === undefined)
        .map(({ number, channel }) => ({
          ...message,
          id: number === 0 ? row.id : `${row.id} ${number}`,
          priority,
          channel,
        }));
      return { stages, requests };
    });
    const simulation = simulateInSteps({
      recipient: { ...recipient, grants: noGrants },
      requests: messages.flatMap(({ requests }) => requests),
      policy: regime.policy,
      until: horizon,
    });
    let step = simulation.next();
    for (; !step.done; step = simulation.next()) {
      if (++steps > maxSteps) throw new TooMuch();
      await yieldTurn();
    }
    const outcomes = step.value[Symbol.iterator]();
    const found = messages.map(({ stages, requests }): MessageOutcome => ({
      stages,
      outcomes: requests.map(() => outcomes.next().value!) as [SimulatedOutcome],
    }));
    tallies[name].add(found);
    return found;
  };

  for (let start = 0; start < ids.length; start += recipientsAtOnce) {
    const recipients = await readRecipientStates(pool, ids.slice(start, start + recipientsAtOnce));
    for (const recipient of recipients.values()) {
      const was = await simulateUnder(recipient, "before");
      const would = await simulateUnder(recipient, "after");
      differences.add(recipient.id, was, would);
    }
  }
  return {
    recipients: ids.length,
    deliveries: rows.length,
    cutOffAt: cut ? creationOf(rows.at(-1)!.id) : null,
    before: tallies.before.totals(),
    after: tallies.after.totals(),
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

/** The route of a message whose recipient was erased: it keeps its channel. */
const keptRoute = ({ channel }: RecordedRow): ResolvedRoute => ({
  stages: [{ via: [channel as (typeof routedChannels)[number]] }],
});

const messagesOf = (found: readonly MessageOutcome[]) =>
  new Set(found.flatMap(({ outcomes }) => outcomes.flatMap(({ message }) => message ?? []))).size;

/** The reasons for which a message that is not sent on one stage goes on to the next one (`writeNextStages` in ledger/on-end.ts). */
const channelReasons: ReadonlySet<Reason | null> = new Set<Reason>([
  "no_address",
  "address_suppressed",
  "channel_off",
]);

/** Counts the later stages of a message that may follow: nobody knows whether the recipient would read the message before. */
function countLater({ outcomes, stages }: MessageOutcome): number {
  const isSent = outcomes.some(({ outcome }) => outcome === "sent");
  if (!isSent && !outcomes.some(({ reason }) => channelReasons.has(reason))) return 0;
  return stages.filter(({ stage: { after } }) => after && !(isSent && after.unless === "sent"))
    .length;
}

function createTally() {
  const delays: number[] = [];
  const suppressed: Totals["suppressed"] = {};
  const channels: Totals["channels"] = {};
  const passedOver: Totals["passedOver"] = {};
  const count = <Key extends string>(counts: Partial<Record<Key, number>>, key: Key) => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  let [deliveries, messages, waiting, later] = [0, 0, 0, 0];
  return {
    add(found: readonly MessageOutcome[]): void {
      messages += messagesOf(found);
      for (const message of found) {
        later += countLater(message);
        for (const { stage, passedOver: passed } of message.stages)
          if (stage.after === undefined)
            for (const { channel } of passed) count(passedOver, channel);
      }
      for (const { outcome, reason, at, request } of found.flatMap(({ outcomes }) => outcomes)) {
        if (outcome === "waiting") waiting++;
        else if (outcome === "suppressed") count(suppressed, reason!);
        else {
          deliveries++;
          count(channels, request.channel);
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
        channels,
        passedOver,
        later,
      };
    },
  };
}

function createDifferences() {
  const none = (): Difference => ({ recipients: 0, count: 0, examples: [] });
  const found = { more: none(), fewer: none(), later: none(), earlier: none(), rerouted: none() };
  const addTo = (difference: Difference, count: number, example: () => Example) => {
    difference.recipients++;
    difference.count += count;
    if (difference.examples.length < exampleCount) difference.examples.push(example());
  };
  return {
    found,
    /** Compares the messages to one recipient under both regimes, by their first stages. Both arrays have the same order. */
    add(recipient: string, was: readonly MessageOutcome[], would: readonly MessageOutcome[]): void {
      const [messagesBefore, messagesAfter] = [messagesOf(was), messagesOf(would)];
      const exampleOf = (place: number) => (): Example => ({
        recipient,
        delivery: was[place]!.outcomes[0].request.id,
        before: outcomeOf(was[place]!, messagesBefore),
        after: outcomeOf(would[place]!, messagesAfter),
      });
      const shifts = was.map(({ outcomes: [{ outcome, at }] }, place) => {
        const [other] = would[place]!.outcomes;
        return outcome === "sent" && other.outcome === "sent" ? other.at - at : 0;
      });
      const later = shifts.filter((shift) => shift > 0).length;
      const earlier = shifts.filter((shift) => shift < 0).length;
      if (later > 0) addTo(found.later, later, exampleOf(shifts.findIndex((shift) => shift > 0)));
      if (earlier > 0)
        addTo(found.earlier, earlier, exampleOf(shifts.findIndex((shift) => shift < 0)));
      const isRerouted = (message: MessageOutcome, place: number) =>
        channelOf(message) !== channelOf(would[place]!);
      const rerouted = was.filter(isRerouted).length;
      if (rerouted > 0) addTo(found.rerouted, rerouted, exampleOf(was.findIndex(isRerouted)));
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

const channelOf = ({ outcomes: [{ request }] }: MessageOutcome): Channel => request.channel;

const outcomeOf = ({ outcomes: [first], stages }: MessageOutcome, messages: number): Outcome => ({
  status: first.outcome,
  reason: first.reason,
  at: new Date(first.at),
  messages,
  channel: first.request.channel,
  passedOver: stages[0]!.passedOver,
  stages: stages.slice(1).map(({ number, channel, stage }) => ({
    stage: number,
    channel,
    after: stage.after ?? null,
  })),
});

const differs = (a: MessageOutcome, b: MessageOutcome) =>
  a.outcomes.length !== b.outcomes.length ||
  a.outcomes.some(({ outcome, at, message }, index) => {
    const other = b.outcomes[index]!;
    return outcome !== other.outcome || at !== other.at || message !== other.message;
  });
