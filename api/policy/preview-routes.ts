import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { dayMs } from "../../domain/time/durations.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import { newNotification } from "../../domain/notification.ts";
import { reasons } from "../../domain/delivery/reasons.ts";
import { text } from "../../domain/text.ts";
import { defaultChannel } from "../../domain/policy/route.ts";
import { simulate } from "../../domain/policy/simulate.ts";
import type { SimulatedOutcome } from "../../domain/policy/simulate-types.ts";
import { readPendingMessages } from "../../ledger/pending-messages.ts";
import { findRecipientState } from "../../ledger/recipient-snapshot.ts";
import { executeOn } from "../../ledger/sql.ts";
import { findRepeating } from "../../ledger/repeats.ts";
import {
  decisionAnswer,
  decisionJson,
  ruleAnswer,
  rulesJson,
  versionsAnswer,
  describeDecision,
} from "../explanations/decision-json.ts";
import { invalid } from "../http/problem.ts";
import { describeInstant, reasonTexts } from "../explanations/reason-text.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { NotificationTypeLookup } from "../notification-types/lookup.ts";
import { previewedRoute, previewRoute } from "./preview-route.ts";
import { offeredChannels, type PreviewedMessage, toRequest } from "./previewed-message.ts";
import type { Services } from "../services.ts";

/** How far the preview looks ahead. */
const horizonDays = 40;
const shownSteps = 20;
/** The maximum of waiting messages of the recipient that are read. */
const pendingLimit = 2_000;

const { type, priority, occursAt, expiresAt, dedupKey, collapseKey, ...rest } =
  newNotification.shape;

const step = z.object({
  at: z.iso.datetime().openapi({ example: "2027-03-02T06:00:00.000Z" }),
  decision: decisionAnswer,
});

const preview = defineRoute({
  method: "post",
  path: "/v1/decisions/preview",
  access: "viewer",
  class: "read",
  summary:
    "Preview what would happen to a message to a recipient, now or at a given time. Nothing is sent.",
  description:
    "Makes the decisions that a due delivery gets, one after the other and together with what already waits for the recipient, until the message would be sent or not. " +
    "The decisions are about the first stage of its route. Contents are not looked at: a channel for which a template has no content is not passed over here. " +
    "It cannot foresee later changes and requests, failures, and the time that a throttle or a provider takes.",
  request: {
    body: jsonContent(
      z
        .strictObject({
          recipient: text(200).meta({
            description: "The recipient’s external id, or rcp_…",
          }),
          type,
          priority,
          at: rest.sendAt.meta({
            description:
              "When the message would be requested. Defaults to now, as does a time in the past",
          }),
          occursAt,
          expiresAt,
          dedupKey,
          collapseKey,
          batchable: rest.batchable,
          bypassRateLimit: rest.bypassRateLimit,
          route: rest.route,
          data: rest.data,
          entityId: rest.entityId,
        })
        .openapi({ example: { recipient: "customer-17", type: "task.deadline" } }),
    ),
  },
  responses: responses(
    200,
    "What would happen",
    z
      .object({
        recipient: z.string().openapi({ example: exampleIdOf("recipient") }),
        at: z.iso.datetime(),
        summary: z.string().openapi({
          description: "What would happen and why, in one or two sentences",
          example:
            "It would wait until 2027-03-02T06:00:00.000Z (Tuesday 2027-03-02 07:00 +01:00 in Europe/Berlin), for the recipient’s quiet hours to end. It would be sent then.",
        }),
        versions: versionsAnswer,
        route: previewedRoute.nullable().openapi({
          description:
            "The route that the message would have, and the channel of its first stage; null if the recipient was erased",
        }),
        decision: decisionAnswer,
        rules: z.array(ruleAnswer).openapi({ description: "Every rule, in order of precedence" }),
        afterwards: z.array(step).openapi({
          description: `The following decisions, at most ${shownSteps}`,
          example: [
            {
              at: "2027-03-02T06:00:00.000Z",
              decision: { kind: "send", reason: null, until: null, adapted: null },
            },
          ],
        }),
        outcome: z.object({
          status: z.enum(["sent", "suppressed", "waiting"]).openapi({
            description: `\`waiting\`: the message would still wait after ${horizonDays} days`,
            example: "sent",
          }),
          at: z.iso.datetime().openapi({ example: "2027-03-02T06:00:00.000Z" }),
          reason: z.enum(reasons).nullable().openapi({
            description: "Why the message would wait or be suppressed; null if it would be sent",
            example: null,
          }),
          others: z
            .number()
            .int()
            .openapi({ description: "Messages that would be sent together with it", example: 0 }),
        }),
      })
      .openapi("DecisionPreview"),
  ),
});

export function decisionPreviewRoutes({
  pool,
  clock,
  config,
  readPolicySnapshot,
  notificationTypes,
}: Services) {
  const isOffered = offeredChannels(config);

  return createRouter().openapi(preview, async (c) => {
    const wanted = c.req.valid("json");
    const recipient = await findRecipientState(pool, wanted.recipient);
    if (!recipient)
      throw invalid([{ in: "body", field: "/recipient", message: "names no recipient" }]);
    const named = await findNamedType(notificationTypes, wanted.type);
    const now = clock();
    const at = wanted.at && wanted.at > now ? wanted.at : now;
    const rulebook = await readPolicySnapshot();
    const { policy, policyVersion, types: all } = rulebook;
    const messageType = named && (all.get(named.id) ?? named);
    const pending = await readPendingMessages(pool, [recipient.id], all, {
      deduplicationSeconds: policy.deduplicationSeconds,
      limit: pendingLimit,
    });
    const repeating = await findRepeating(
      pool,
      { recipientIds: [recipient.id], dedupKey: wanted.dedupKey ?? null, at },
      policy.deduplicationSeconds,
    );
    const { requests, groups } = pending.get(recipient.id) ?? { requests: [], groups: [] };
    const message: PreviewedMessage = {
      source: "notification",
      requested: wanted.route ?? null,
      type: messageType,
      priority: wanted.priority ?? messageType?.priority ?? "normal",
      topic: null,
      data: wanted.data,
      entityId: wanted.entityId ?? null,
      at,
      occursAt: wanted.occursAt ?? null,
      expiresAt: wanted.expiresAt ?? null,
      batchable: wanted.batchable ?? true,
      bypassRateLimit: wanted.bypassRateLimit ?? false,
      dedupKey: wanted.dedupKey ?? null,
      collapseKey: wanted.collapseKey ?? null,
    };
    const routed = await previewRoute(executeOn(pool), rulebook, recipient, message, isOffered);
    const own = toRequest(message, {
      priority: routed?.priority ?? message.priority,
      channel: routed?.json.channel ?? defaultChannel(messageType),
      isRepeat: repeating.has(recipient.id),
      isSubscribed: false,
    });
    const decided: { at: number; decision: z.output<typeof decisionAnswer> }[] = [];
    let rules: z.output<typeof ruleAnswer>[] = [];
    const outcomes = simulate({
      recipient,
      requests: [...requests, own],
      groups,
      policy,
      from: now.getTime(),
      until: at.getTime() + horizonDays * dayMs,
      watch(request, input, decision) {
        if (request !== own) return;
        // The messages before it left no room under a limit, so that the decision to send it was withdrawn.
        if (decided.at(-1)?.decision.kind === "send") decided.pop();
        if (decided.length === 0) rules = rulesJson(input);
        decided.push({ at: input.now, decision: decisionJson(decision) });
      },
    });
    const outcome = outcomes.at(-1)!;
    const [first, ...later] = decided.map(({ at: decidedAt, decision }, index) => ({
      at: new Date(decidedAt).toISOString(),
      decision: { ...decision, ...readWaitEnd(outcome, index) },
    }));
    return c.json(
      {
        recipient: publicId("recipient", recipient.id),
        at: at.toISOString(),
        summary: summarise(first!.decision, outcome, recipient.timeZone),
        versions: {
          policy: policyVersion,
          type: messageType?.version ?? null,
          preferences: recipient.preferencesVersion,
        },
        route: routed && routed.json,
        decision: first!.decision,
        rules,
        afterwards: later.slice(0, shownSteps),
        outcome: {
          status: outcome.outcome,
          at: new Date(outcome.at).toISOString(),
          reason: outcome.reason,
          others:
            outcome.message === null
              ? 0
              : outcomes.filter(({ message }) => message === outcome.message).length - 1,
        },
      },
      200,
    );
  });
}

async function findNamedType(
  types: NotificationTypeLookup,
  key: string | undefined,
): Promise<NotificationType | null> {
  if (key === undefined) return null;
  const found = await types.find(key);
  if (found.kind === "unusable") throw invalid([found.error]);
  return found.type;
}

/** Reads when a wait ended in the simulation. A batch can close before its window ends. */
const readWaitEnd = ({ waits }: SimulatedOutcome, index: number) => {
  const wait = waits[index];
  return wait ? { until: new Date(wait.until).toISOString() } : {};
};

function summarise(
  decision: z.output<typeof decisionAnswer>,
  { outcome, at, reason, waits }: SimulatedOutcome,
  zone: string,
): string {
  const would = describeDecision(decision, zone);
  const begins = `${would.charAt(0).toUpperCase()}${would.slice(1)}.`;
  const [wait] = waits;
  if (!wait) return begins;
  const when = wait.until === at ? "then" : `at ${describeInstant(at, zone)}`;
  switch (outcome) {
    case "sent":
      return `${begins} It would be sent ${when}.`;
    case "suppressed":
      return `${begins} It would not be sent: ${when}, ${reasonTexts[reason!]}.`;
    case "waiting":
      return `${begins} It would still be waiting ${horizonDays} days later.`;
  }
}
