import type { Context } from "hono";
import type { RecipientAction } from "../../domain/action.ts";
import { isLane } from "../../domain/delivery/queues.ts";
import { isAutomated } from "../../domain/engagement.ts";
import { effectivePreferences } from "../../domain/policy/preferences.ts";
import { dayMs, hourMs, localTimeAt, minuteMs } from "../../domain/time/local-time.ts";
import type { ActionTarget, Tokens } from "../../domain/tokens.ts";
import {
  completeDeliveries,
  learnEngagedHour,
  readLinksEpoch,
  readViewedDeliveries,
  recordViews,
  snoozeDeliveries,
  type ViewedDelivery,
} from "../../ledger/recipient-actions.ts";
import { executeIn, executeOn } from "../../ledger/sql.ts";
import type { ChangedRow } from "../../ledger/transitions.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { wakeFor } from "../deliveries/changes.ts";
import type { ApiEnv } from "../http/context.ts";
import { withAuditedTransaction, type Work } from "../http/idempotency.ts";
import { Problem } from "../http/problem.ts";
import type { ApiDeps } from "../http/router.ts";
import { readPolicy } from "../policy/store.ts";

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
    pool,
  }: Pick<ApiDeps, "clock" | "pool"> & {
    tokens: Pick<Tokens, "verifyActionToken">;
  },
  token: string,
): Promise<Action> {
  const verified = await tokens.verifyActionToken(token, clock());
  if ("claims" in verified) {
    const { epoch, ...action } = verified.claims;
    const current = await readLinksEpoch(executeOn(pool), action.target);
    if (current !== null && current !== epoch)
      throw new Problem("expired", "The link has been called back.");
    return action;
  }
  throw verified.fault === "expired"
    ? new Problem("expired", "The link has expired.")
    : new Problem("not-found", "There is no such link. It may have been cut off on its way.");
}

/**
 * Does what a recipient asked for, in one transaction; each is in the table of events, and nothing in the audit trail. Throws
 * the problem of what cannot be done.
 */
export function perform(
  c: Context<ApiEnv>,
  deps: ApiDeps,
  { id, target, action }: Action,
): Promise<ActionOutcome> {
  const now = deps.clock();
  const wake = (rows: readonly ChangedRow[]) => () =>
    wakeFor(
      // A campaign does not wait for what is in a mailbox.
      rows.map((row) => (isLane(row.queue) ? row : { ...row, campaignId: null })),
      deps.wakes,
      c.get("requestId"),
    );
  const unwaited = { until: null, url: null };
  return withAuditedTransaction(c, deps, async (tx): Promise<Work<ActionOutcome>> => {
    switch (action.action) {
      case "view": {
        const deliveries = await view(c, tx, id, target, now);
        return { body: { ...unwaited, action: "view", deliveries, url: action.url }, changes: [] };
      }
      case "snooze": {
        const { snoozeMaximumDays } = (await readPolicy(tx)).policy;
        const waitMs = Math.min(action.minutes * minuteMs, snoozeMaximumDays * dayMs);
        const snoozed = await snoozeDeliveries(executeIn(tx), id, target, {
          until: new Date(now.getTime() + waitMs).toISOString(),
          mailboxShards: deps.config.mailboxShards,
        });
        if (snoozed === null) throw notKept();
        if (snoozed.kind === "refused") throw new Problem("conflict", refusals[snoozed.why]);
        const { rows, deliveries, until } = snoozed;
        return {
          body: { ...unwaited, action: "snooze", deliveries, until },
          changes: [],
          committed: wake(rows),
        };
      }
      case "complete": {
        const completed = await completeDeliveries(executeIn(tx), target);
        if (completed === null) throw notKept();
        const { rows, deliveries } = completed;
        return {
          body: { ...unwaited, action: "complete", deliveries },
          changes: [],
          committed: wake(rows),
        };
      }
    }
  });
}

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
async function view(
  c: Context<ApiEnv>,
  tx: Prisma.TransactionClient,
  token: string,
  target: ActionTarget,
  now: Date,
): Promise<number> {
  const execute = executeIn(tx);
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
  if (isFirst && !automated && (await mayLearnFrom(tx, viewed))) {
    const { minute } = localTimeAt(first.timeZone, now.getTime());
    await learnEngagedHour(execute, first.recipientId, Math.floor((minute * minuteMs) / hourMs));
  }
  return viewed.length;
}

/** By which browsers say that they follow a link before anybody has asked for it. */
const purposeHeaders = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

async function mayLearnFrom(
  tx: Prisma.TransactionClient,
  viewed: readonly ViewedDelivery[],
): Promise<boolean> {
  const first = viewed[0]!;
  const { learning } = effectivePreferences({
    organisation: (await readPolicy(tx)).policy.preferences,
    // What several types say together is what none of them says.
    type: viewed.every(({ typeId }) => typeId === first.typeId)
      ? (first.type?.preferences ?? null)
      : null,
    recipient: first.preferences,
  });
  return learning;
}
