import type { Context } from "hono";
import type { RecipientAction } from "../../domain/action.ts";
import { isLane } from "../../domain/delivery/queues.ts";
import { isAutomated } from "../../domain/engagement.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import { effectivePreferences } from "../../domain/policy/preferences.ts";
import { dayMs, hourMs, minuteMs } from "../../domain/time/durations.ts";
import { localTimeAt } from "../../domain/time/local-time.ts";
import type { ActionTarget, Tokens } from "../../domain/tokens.ts";
import {
  completeDeliveries,
  findCompletion,
  findSnooze,
  learnEngagedHour,
  readLinkHolder,
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
import { createUseLimit } from "../http/use-limit.ts";

/** The action of a recipient that a token authorises. */
export interface Action {
  /** The id of the token. */
  id: string;
  target: ActionTarget;
  action: RecipientAction;
  /** The locale of the recipient; null where the message is no longer stored. */
  locale: string | null;
}

/** The result of an action. Repeating the action gives the same result. */
export interface ActionOutcome {
  action: RecipientAction["action"];
  /** The number of deliveries that the action applied to. */
  deliveries: number;
  /** For a snooze: when the message is sent again, in ISO 8601. */
  until: string | null;
  /** For a view: the address of the content. */
  url: string | null;
}

/** Reads the action that a token authorises. Throws the problem of a token that is not valid, has expired or was revoked. */
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
    const holder = await readLinkHolder(executeOn(publicPool), action.target);
    if (holder !== null && holder.epoch !== epoch)
      throw new Problem("expired", "This link was revoked.");
    return { ...action, locale: holder?.locale ?? null };
  }
  throw verified.fault === "expired"
    ? new Problem("expired", "This link has expired.")
    : new Problem("not-found", "This link does not exist. Check that it is complete.");
}

/** Performs an action of a recipient. Throws the problem of an action that is impossible or was requested too often. */
export type PerformAction = (c: Context<ApiEnv>, action: Action) => Promise<ActionOutcome>;

/** How often one token, and all tokens of one target together, can be used in a minute: more often than a person would. */
const maxUsesOfToken = 30;
const maxUsesOfTarget = 120;

/**
 * Performs actions on the connections that are reserved for requests without a key, each in one transaction. An action is recorded as
 * an event, not in the audit trail. Anybody who has a link can send many requests, so these are kept cheap: an action that was already
 * performed is answered without a lock, simultaneous requests with the same token share one transaction, and the actions on one target
 * run one at a time, so that they occupy one connection.
 */
export function createPerformer({
  publicPool,
  clock,
  wakes,
  config,
}: Pick<ApiDeps, "publicPool" | "clock" | "wakes" | "config">): PerformAction {
  const readRulebook = createRulebookReader(publicPool);
  const inTurn = createTurns();
  const running = new Map<string, Promise<ActionOutcome>>();
  const limitUses = createUseLimit();

  async function change(requestId: string, { id, target, action }: Action): Promise<ActionOutcome> {
    if (action.action === "view") throw new Error("a view changes nothing");
    const execute = executeOn(publicPool);
    const noDetails = { until: null, url: null };
    const earlier =
      action.action === "snooze"
        ? await findSnooze(execute, id, target)
        : await findCompletion(execute, target);
    if (earlier) return { ...noDetails, action: action.action, ...earlier };
    const { snoozeMaximumDays } = (await readRulebook()).policy;
    const { rows, ...outcome } = await inTransaction(publicPool, async (client) => {
      if (action.action === "complete") {
        const completed = await completeDeliveries(executeOn(client), target);
        if (completed === null) throw noLongerStored();
        return { ...noDetails, action: action.action, ...completed };
      }
      const waitMs = Math.min(action.minutes * minuteMs, snoozeMaximumDays * dayMs);
      const snoozed = await snoozeDeliveries(executeOn(client), id, target, {
        until: new Date(clock().getTime() + waitMs).toISOString(),
        mailboxShards: config.mailboxShards,
      });
      if (snoozed === null) throw noLongerStored();
      if (snoozed.kind === "refused") throw new SnoozeRefusal(snoozed.why);
      const { rows: changed, deliveries, until } = snoozed;
      return { ...noDetails, action: action.action, rows: changed, deliveries, until };
    });
    // A campaign’s workflow drains its lanes only, so that a row in a mailbox does not wake it.
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

  return async (c, requested) => {
    const { id, target, action } = requested;
    limitUses([
      { key: id, max: maxUsesOfToken },
      { key: readTargetId(target), max: maxUsesOfTarget },
    ]);
    if (action.action === "view") {
      const deliveries = await view(c, id, target);
      return { action: "view", deliveries, until: null, url: action.url };
    }
    const same = running.get(id);
    if (same) return same;
    const requestId = c.get("requestId");
    const performing = inTurn(readTargetId(target), () => change(requestId, requested)).finally(
      () => running.delete(id),
    );
    running.set(id, performing);
    return performing;
  };
}

const readTargetId = (target: ActionTarget) => ("group" in target ? target.group : target.delivery);

const noLongerStored = () =>
  new Problem("expired", "The message of this link is no longer stored.");

/** A message that cannot be snoozed, and why. */
export class SnoozeRefusal extends Problem {
  readonly why: keyof typeof refusals;

  constructor(why: keyof typeof refusals) {
    super("conflict", refusals[why]);
    this.why = why;
  }
}

const refusals = {
  completed: "It is already marked as done, so the message is not sent again.",
  taken_back: "The message was cancelled or recalled, so it is not sent again.",
  came_again: "The message was already sent again.",
};

/**
 * Records a view, and learns at which hour the recipient reads messages if their preferences allow it. A link that a mail filter or a
 * browser followed by itself teaches nothing. If the delivery is no longer stored, nothing is recorded.
 * @returns the number of deliveries that were viewed
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

/** Headers with which browsers announce that they fetch a link before a person follows it. */
const purposeHeaders = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

function mayLearnFrom(policy: Policy, viewed: readonly ViewedDelivery[]): boolean {
  const first = viewed[0]!;
  const { learning } = effectivePreferences({
    organisation: policy.preferences,
    // Deliveries of different types have no type’s preferences in common.
    type: viewed.every(({ typeId }) => typeId === first.typeId)
      ? (first.type?.preferences ?? null)
      : null,
    recipient: first.preferences,
  });
  return learning;
}
