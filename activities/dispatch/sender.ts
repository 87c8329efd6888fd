import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { newUuid } from "../../domain/ids.ts";
import { type Attempt, responseLimit } from "../../domain/delivery/attempt.ts";
import { settle, type RetryPolicy, type Settlement } from "../../domain/delivery/settle.ts";
import { TemplateError } from "../../domain/templates/template.ts";
import type { Channel, SendRequest, SendResult } from "../channels/channel.ts";
import type {
  DueDelivery,
  LeasedRow,
  Ledger,
  RateGrant,
  SettledDelivery,
  WantedMessage,
} from "../../ledger/ledger.ts";
import type { Source } from "../../ledger/sources.ts";

/** A delivery with what it brings. */
export interface Item {
  delivery: DueDelivery;
  source: Source;
}

/** What a message says, and what its Message-ID is made from. */
export type Content = Pick<
  SendRequest,
  "messageId" | "templateVersionId" | "content" | "data" | "actions"
>;

/** A message that was decided to be sent, on its way from a dispatch: a delivery, or the members of a group. */
export interface Parcel {
  /** Its items are never none, and all of one recipient. */
  message: Omit<WantedMessage, "items"> & { items: readonly Item[] };
  /** What those say that were claimed. */
  contentOf: (claimed: readonly Item[]) => Content | Promise<Content>;
  /** The workflow's time, going on from where it was; the clock where that is later. */
  now: () => Date;
  /** Not to be claimed any more: the dispatch is ending. */
  withdrawn: AbortSignal;
  /** Called when it is claimed: from then on it stands in its recipient's log. */
  claimed: () => void;
  /** Called once for each item: its outcome is committed, or it was dropped. */
  done: (id: string, handled: Handled) => void;
  /** Called instead if the ledger cannot be reached; what is claimed is found again when its lease has run out. */
  failed: (error: unknown) => void;
}

/**
 * What became of an item. `dropped`: it was not ours to send (claimed by another, cancelled, withdrawn, no room within its
 * recipient's limits), and was not.
 */
export type Handled = Settlement["status"] | "dropped";

export interface HandOver {
  /** Claims the row, hands the message over, commits the outcome. Parcels of notifications overtake those of campaigns. */
  submit(parcel: Parcel): void;
  /** Messages that may be handed over without their outcome committed, at any instant: what a crash may repeat. */
  readonly inFlightBound: number;
}

/** How long a claimed row is ours without a sign of life, and how often such a sign is given. */
const leaseMs = 10_000;
const renewMs = 2_000;

/** Rows settled in one turn of the ledger, and rows claimed in it or before, at most. */
const turnRows = 96;
const aheadRows = 128;
/** Outcomes that make a turn worth while: a statement and its commit cost as much as a dozen of its rows. */
const worthRows = 40;
/** How long fewer outcomes wait for company while messages are still being handed over. */
const lingerMs = 3;
/** Claimed rows left when more are claimed whatever there is to settle. */
const aheadLow = 16;
const settleRetryMs = 250;

/** A message whose rows are ours until `deadlineMs` of this process's monotonic clock. */
interface Claimed {
  parcel: Parcel;
  /** Of its items, those that were claimed. */
  items: readonly Item[];
  token: string;
  permit: RateGrant;
  deadlineMs: number;
}

/** A claimed message of which is known what became. */
interface Ended {
  claimed: Claimed;
  settled: SettledDelivery[];
  /** Nothing came of it: its permit is given back. */
  unused: boolean;
}

/**
 * The one way by which a worker's messages of one traffic class leave, whichever dispatch found them. It writes the ledger
 * in turns, each of which settles what ended and claims what is next; keeps the number of messages in flight under its
 * bound; and renews the leases of what takes long.
 */
export function createHandOver(deps: {
  ledger: Ledger;
  channel: Channel;
  retry: RetryPolicy;
  inFlightBound: number;
  random?: () => number;
}): HandOver {
  const { ledger, channel, retry, inFlightBound, random = Math.random } = deps;

  const notifications: Parcel[] = [];
  const campaigns: Parcel[] = [];
  const ready: Claimed[] = [];
  const ended: Ended[] = [];
  /** Claimed and not settled. */
  const underWay = new Set<Claimed>();
  /** Being handed over. */
  let sending = 0;
  /** Handed over, perhaps, and not settled: what is sending, what ended, and what is being settled. */
  let inFlight = 0;
  let turning = false;

  const pump = () => {
    while (ready.length > 0 && inFlight < inFlightBound) handOver(ready.shift()!);
    if (turning) return;
    const waiting = notifications.length + campaigns.length;
    const worthATurn =
      ended.length >= worthRows ||
      (ended.length > 0 && sending === 0) ||
      (ready.length < aheadLow && waiting > 0);
    if (worthATurn) void turn();
    else if (ended.length > 0) lingering ??= setTimeout(lingered, lingerMs);
  };

  /** What comes together is pumped together: full turns instead of many small ones. */
  let pumping: NodeJS.Immediate | undefined;
  const pumpSoon = () => {
    pumping ??= setImmediate(() => {
      pumping = undefined;
      pump();
    });
  };

  let lingering: NodeJS.Timeout | undefined;
  const lingered = () => {
    lingering = undefined;
    if (!turning && ended.length > 0) void turn();
  };

  /**
   * Takes what may be claimed from a queue: of the messages to one recipient one a turn, in their order, for each needs room
   * in that recipient's log after the one before.
   */
  const next = (queue: Parcel[], room: number, recipients: Set<string>): Parcel[] => {
    const chosen: Parcel[] = [];
    const later: Parcel[] = [];
    while (queue.length > 0 && chosen.length < room && later.length < aheadRows) {
      const parcel = queue.shift()!;
      if (parcel.withdrawn.aborted) drop(parcel);
      else if (recipients.has(parcel.message.recipientId)) later.push(parcel);
      else {
        recipients.add(parcel.message.recipientId);
        chosen.push(parcel);
      }
    }
    queue.unshift(...later);
    return chosen;
  };

  const drop = ({ message, done }: Parcel) => {
    for (const { delivery } of message.items) done(delivery.id, "dropped");
  };

  const turn = async () => {
    const endings = ended.splice(0, turnRows);
    const recipients = new Set<string>();
    const wanted: Parcel[] = [];
    for (const queue of [notifications, campaigns])
      wanted.push(...next(queue, aheadRows - ready.length - wanted.length, recipients));
    // All of them were withdrawn: others may stand behind them.
    if (endings.length + wanted.length === 0) return pumpSoon();
    turning = true;
    const token = newUuid();
    const deadlineMs = performance.now() + leaseMs;
    try {
      const { claimed, granted } = await ledger.settleAndClaim({
        settled: endings.flatMap(({ settled }) => settled),
        wanted: wanted.map(({ message }) => message),
        token,
        asOf: latest(wanted),
        leaseMs,
      });
      finish(endings);
      for (const parcel of wanted) {
        const items = parcel.message.items.filter(({ delivery: { id } }) => {
          // Given out once, though two dispatches may have read it.
          if (claimed.delete(id)) return true;
          parcel.done(id, "dropped");
          return false;
        });
        const permit = granted.get(parcel.message.recipientId);
        if (permit && items.length > 0) {
          const ours = { parcel, items, token, permit, deadlineMs };
          underWay.add(ours);
          parcel.claimed();
          ready.push(ours);
        } else if (permit) giveBack([permit]);
      }
    } catch (error) {
      for (const parcel of wanted) parcel.failed(error);
      void settleLater(endings);
    } finally {
      turning = false;
      keepLeases();
      pumpSoon();
    }
  };

  /** Their outcomes are committed. */
  const finish = (endings: readonly Ended[]) => {
    for (const { claimed, settled } of endings) {
      leave(claimed);
      for (const { id, settlement } of settled) claimed.parcel.done(id, settlement.status);
    }
    giveBack(endings.flatMap(({ unused, claimed }) => (unused ? [claimed.permit] : [])));
  };

  /** A permit that cannot be given back counts for nothing sent until its windows are over: too few are sent, never too many. */
  const giveBack = (permits: readonly RateGrant[]) => {
    if (permits.length > 0) ledger.giveBack(permits).catch(() => {});
  };

  const leave = (claimed: Claimed) => {
    underWay.delete(claimed);
    inFlight--;
  };

  const fail = (claimed: Claimed, error: unknown) => {
    leave(claimed);
    claimed.parcel.failed(error);
  };

  /** Outcomes are kept while the ledger is away, and written as soon as it is back, for as long as the rows are ours. */
  const settleLater = async (endings: readonly Ended[]) => {
    if (endings.length === 0) return;
    for (;;) {
      await sleep(settleRetryMs);
      try {
        await ledger.settle(endings.flatMap(({ settled }) => settled));
        finish(endings);
        break;
      } catch (error) {
        const [first] = endings;
        if (isRefusal(error) && endings.length > 1) {
          // One of them is at fault: its neighbours are not to suffer for it.
          await Promise.all(endings.map((one) => settleLater([one])));
          break;
        }
        if (isRefusal(error) && first!.settled.some(({ attempts }) => attempts.length > 0)) {
          // Better a row that ends without its evidence than one that never does.
          const bare = first!.settled.map((row) => ({ ...row, attempts: [] }));
          await settleLater([{ ...first!, settled: bare }]);
          break;
        }
        if (
          !isRefusal(error) &&
          endings.some(({ claimed }) => performance.now() < claimed.deadlineMs)
        )
          continue;
        for (const { claimed } of endings) fail(claimed, error);
        break;
      }
    }
    pumpSoon();
  };

  const handOver = (claimed: Claimed) => {
    inFlight++;
    const { parcel, items } = claimed;
    // Ours no more: it is left to whoever finds its lease run out.
    if (performance.now() >= claimed.deadlineMs) {
      leave(claimed);
      for (const { delivery } of items) parcel.done(delivery.id, "dropped");
      return;
    }
    sending++;
    const content = parcel.contentOf(items);
    (content instanceof Promise
      ? content.then((made) => send(made, items), unmakeable)
      : send(content, items)
    ).then(
      (result) => {
        sending--;
        ended.push(outcomeOf(claimed, result));
        pumpSoon();
      },
      (error: unknown) => {
        sending--;
        fail(claimed, error);
        pumpSoon();
      },
    );
  };

  const send = (content: Content, items: readonly Item[]): Promise<SendResult> => {
    const { recipient, priority } = items[0]!.delivery;
    return channel.send({
      ...content,
      recipient,
      priority,
      repeatable: guaranteeOf(items) === "at_least_once",
    });
  };

  /** What cannot be said now never can be. */
  const unmakeable = (fault: unknown): SendResult => ({
    kind: "unsendable",
    reason: "template_error",
    detail: (fault instanceof TemplateError ? fault.message : "the message cannot be made").slice(
      0,
      responseLimit,
    ),
  });

  /** All that went out as one message have one outcome. */
  const outcomeOf = (claimed: Claimed, result: SendResult): Ended => {
    const { items, token, parcel } = claimed;
    const made = result.kind === "attempted" ? result.attempts : [];
    const settlement: Settlement =
      result.kind === "unsendable"
        ? { status: "failed", reason: result.reason, detail: result.detail }
        : result.kind === "held"
          ? { status: "pending", reason: result.reason, dueAt: result.until }
          : settle({
              attempt: made.at(-1)!,
              attemptCount:
                made.length +
                Math.max(
                  ...items.map(({ delivery }) => delivery.attemptCount - delivery.forgivenCount),
                ),
              guarantee: guaranteeOf(items),
              policy: retry,
              now: parcel.now(),
              random: random(),
            });
    const settled = items.map(({ delivery: { id, attemptCount } }) => ({
      id,
      token,
      settlement,
      attemptCount: attemptCount + made.length,
      attempts: made,
    }));
    const unused = made.every(({ outcome }) => outcome === "transient");
    return { claimed, settled, unused };
  };

  /** While something is under way. A lease's deadline counts from before its renewal was asked for. */
  let keeping: NodeJS.Timeout | undefined;
  const keepLeases = () => {
    if (underWay.size === 0) return;
    keeping ??= setTimeout(() => void renew(), renewMs);
  };
  const renew = async () => {
    keeping = undefined;
    const askedAt = performance.now();
    const messages = [...underWay].filter(
      ({ deadlineMs }) => deadlineMs < askedAt + leaseMs - renewMs / 2 && deadlineMs > askedAt,
    );
    if (messages.length > 0) {
      const rows: LeasedRow[] = messages.flatMap(({ items, token }) =>
        items.map(({ delivery: { id } }) => ({ id, token })),
      );
      await ledger
        .renew({ rows, asOf: latest(messages.map(({ parcel }) => parcel)), leaseMs })
        .then(
          () => messages.forEach((message) => (message.deadlineMs = askedAt + leaseMs)),
          // The ledger is away: the leases run on, and are asked for again.
          () => {},
        );
    }
    keepLeases();
  };

  return {
    inFlightBound,
    submit(parcel) {
      const { campaignId } = parcel.message.items[0]!.delivery;
      (campaignId === null ? notifications : campaigns).push(parcel);
      pumpSoon();
    },
  };
}

/** A repeat is allowed where each of them allows it. */
const guaranteeOf = (items: readonly Item[]) =>
  items.every(({ source }) => source.guarantee === "at_least_once")
    ? "at_least_once"
    : "at_most_once";

/** Parcels of one dispatch share their clock. */
const latest = (parcels: readonly Parcel[]) =>
  new Date(
    Math.max(0, ...[...new Set(parcels.map(({ now }) => now))].map((now) => now().getTime())),
  );

/** The hand-over that a dead worker left behind, as evidence beside what follows it. */
export function interruptedAttempt(now = new Date()): Attempt {
  return {
    provider: null,
    outcome: "unknown",
    failure: "interrupted",
    response: null,
    startedAt: now,
    finishedAt: now,
  };
}

/** PostgreSQL refused the data itself (classes 22 and 23 of SQLSTATE): the same again will be refused again. */
const isRefusal = (error: unknown) =>
  error instanceof Error && "code" in error && /^2[23]/.test(String(error.code));
