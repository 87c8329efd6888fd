import type { Context } from "hono";
import { MemoryStore } from "hono-rate-limiter";
import type { RecipientAction } from "../../domain/action.ts";
import { isLane } from "../../domain/delivery/queues.ts";
import { isAutomated } from "../../domain/engagement.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import { effectivePreferences } from "../../domain/policy/preferences.ts";
import { dayMs, hourMs, localTimeAt, minuteMs } from "../../domain/time/local-time.ts";
import type { ActionTarget, Tokens } from "../../domain/tokens.ts";
import {
  completeDeliveries,
  findCompletion,
  findSnooze,
  learnEngagedHour,
  readLinksEpoch,
  readViewedDeliveries,
  recordViews,
  snoozeDeliveries,
  type ViewedDelivery,
} from "../../ledger/recipient-actions.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { type Execute, executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { createTurns } from "../../lib/turns.ts";
import { wakeFor } from "../deliveries/changes.ts";
import type { ApiEnv } from "../http/context.ts";
import { Problem } from "../http/problem.ts";
import type { ApiDeps } from "../http/router.ts";

/** An action of a recipient, as a token of theirs says it. */
export interface Action {
  /** Of the token. */
  id: string;
  target: ActionTarget;
  action: RecipientAction;
}

/** What came of an action. Repeated, it comes to the same. */
export interface ActionOutcome {
  action: RecipientAction["action"];
  /** Deliveries that it was done to. */
  deliveries: number;
  /** Of a snooze: when it comes again. */
  until: string | null;
  /** Of a view: where to look at it. */
  url: string | null;
}

/** The action that a token stands for. Throws the problem of one that is good for nothing, or not any more. */
export async function readAction(
  {
    tokens,
    clock,
    publicPool,
  }: Pick<ApiDeps, "clock" | "publicPool"> & {
    tokens: Pick<Tokens, "verifyActionToken">;
  },
  token: string,
): Promise<Action> {
  const verified = await tokens.verifyActionToken(token, clock());
  if ("claims" in verified) {
    const { epoch, ...action } = verified.claims;
    const current = await readLinksEpoch(executeOn(publicPool), action.target);
    if (current !== null && current !== epoch)
      throw new Problem("expired", "The link has been called back.");
    return action;
  }
  throw verified.fault === "expired"
    ? new Problem("expired", "The link has expired.")
    : new Problem("not-found", "There is no such link. It may have been cut off on its way.");
}

/** Does what a recipient asked for. Throws the problem of what cannot be done, or has been asked for too often. */
export type PerformAction = (c: Context<ApiEnv>, action: Action) => Promise<ActionOutcome>;

/** How often a token, and all tokens of one target together, are good for something in a minute: more than anybody presses. */
const pressesOfToken = 30;
const pressesOfTarget = 120;
const windowMs = 60_000;

/**
 * Performs actions over connections of their own, each in one transaction; each is in the table of events, and nothing in the audit
 * trail. Whoever holds a link may press it as often as they like: what is done already is answered without a lock, the same action at
 * the same time is done once for all who ask, and actions of one target take turns, so that they wait with one connection.
 */
export function createPerformer({
  publicPool,
  clock,
  wakes,
  config,
}: Pick<ApiDeps, "publicPool" | "clock" | "wakes" | "config">): PerformAction {
  const readRulebook = createRulebookReader(publicPool);
  const inTurn = createTurns();
  const underWay = new Map<string, Promise<ActionOutcome>>();
  const presses = new MemoryStore<ApiEnv>();
  presses.init({ windowMs } as Parameters<typeof presses.init>[0]);

  function refuseMany({ id, target }: Action): void {
    const counted = [
      { ...presses.increment(id), most: pressesOfToken },
      { ...presses.increment(targetOf(target)), most: pressesOfTarget },
    ];
    for (const { totalHits, resetTime, most } of counted)
      if (totalHits > most) {
        const waitMs = (resetTime?.getTime() ?? Date.now()) - Date.now();
        throw new Problem("too-many-requests", "The link was followed too often. Try it later.", {
          headers: { "Retry-After": String(Math.max(1, Math.ceil(waitMs / 1_000))) },
        });
      }
  }

  async function change(requestId: string, { id, target, action }: Action): Promise<ActionOutcome> {
    if (action.action === "view") throw new Error("a view changes nothing");
    const execute = executeOn(publicPool);
    const unwaited = { until: null, url: null };
    const earlier =
      action.action === "snooze"
        ? await findSnooze(execute, id, target)
        : await findCompletion(execute, target);
    if (earlier) return { ...unwaited, action: action.action, ...earlier };
    const { snoozeMaximumDays } = (await readRulebook()).policy;
    const { rows, ...outcome } = await inTransaction(publicPool, async (client) => {
      if (action.action === "complete") {
        const completed = await completeDeliveries(executeOn(client), target);
        if (completed === null) throw notKept();
        return { ...unwaited, action: action.action, ...completed };
      }
      const waitMs = Math.min(action.minutes * minuteMs, snoozeMaximumDays * dayMs);
      const snoozed = await snoozeDeliveries(executeOn(client), id, target, {
        until: new Date(clock().getTime() + waitMs).toISOString(),
        mailboxShards: config.mailboxShards,
      });
      if (snoozed === null) throw notKept();
      if (snoozed.kind === "refused") throw new Problem("conflict", refusals[snoozed.why]);
      const { rows: changed, deliveries, until } = snoozed;
      return { ...unwaited, action: action.action, rows: changed, deliveries, until };
    });
    // A campaign does not wait for what is in a mailbox.
    const woken = rows.map((row) => (isLane(row.queue) ? row : { ...row, campaignId: null }));
    wakeFor(woken, wakes, requestId);
    return outcome;
  }

  async function view(c: Context<ApiEnv>, token: string, target: ActionTarget): Promise<number> {
    const { policy } = await readRulebook();
    const now = clock();
    return inTransaction(publicPool, (client) =>
      recordView(c, executeOn(client), token, target, policy, now),
    );
  }

  return async (c, asked) => {
    refuseMany(asked);
    const { id, target, action } = asked;
    if (action.action === "view") {
      const deliveries = await view(c, id, target);
      return { action: "view", deliveries, until: null, url: action.url };
    }
    const same = underWay.get(id);
    if (same) return same;
    const requestId = c.get("requestId");
    const performed = inTurn(targetOf(target), () => change(requestId, asked)).finally(() =>
      underWay.delete(id),
    );
    underWay.set(id, performed);
    return performed;
  };
}

const targetOf = (target: ActionTarget) => ("group" in target ? target.group : target.delivery);

const notKept = () => new Problem("expired", "What the link is about is not kept any more.");

const refusals = {
  completed: "It is done: it does not come again.",
  taken_back: "It has been taken back: it does not come again.",
  came_again: "It has come again already.",
};

/**
 * Records that somebody looked, and learns when they did where that may be learnt from: from people only, and never from what
 * mail filters and browsers follow by themselves. A delivery that is not kept any more was not looked at, and is still somewhere to
 * be seen.
 */
async function recordView(
  c: Context<ApiEnv>,
  execute: Execute,
  token: string,
  target: ActionTarget,
  policy: Policy,
  now: Date,
): Promise<number> {
  const viewed = await readViewedDeliveries(execute, target);
  const [first] = viewed;
  if (first === undefined) return 0;
  const automated = isAutomated({
    method: c.req.method,
    userAgent: c.req.header("user-agent") ?? null,
    purposes: purposeHeaders.flatMap((name) => c.req.header(name) ?? []),
    sinceSentMs: first.sentAt && now.getTime() - first.sentAt.getTime(),
  });
  const isFirst = await recordViews(execute, token, viewed, automated);
  if (isFirst && !automated && mayLearnFrom(policy, viewed)) {
    const { minute } = localTimeAt(first.timeZone, now.getTime());
    await learnEngagedHour(execute, first.recipientId, Math.floor((minute * minuteMs) / hourMs));
  }
  return viewed.length;
}

/** By which browsers say that they follow a link before anybody has asked for it. */
const purposeHeaders = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

function mayLearnFrom(policy: Policy, viewed: readonly ViewedDelivery[]): boolean {
  const first = viewed[0]!;
  const { learning } = effectivePreferences({
    organisation: policy.preferences,
    // What several types say together is what none of them says.
    type: viewed.every(({ typeId }) => typeId === first.typeId)
      ? (first.type?.preferences ?? null)
      : null,
    recipient: first.preferences,
  });
  return learning;
}
