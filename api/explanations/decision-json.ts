import { z } from "@hono/zod-openapi";
import { explain } from "../../domain/policy/decide.ts";
import type { Decision, DecisionInput } from "../../domain/policy/decision.ts";
import { rules } from "../../domain/policy/rules.ts";
import {
  type PreferencePath,
  findOrigin,
  preferenceLayers,
  readPath,
} from "../../domain/policy/preferences.ts";
import { type Reason, reasons } from "../../domain/delivery/reasons.ts";
import { describeInstant, reasonTexts } from "./reason-text.ts";

/** A decision of the policy, as every route shows it. */
export const decisionAnswer = z
  .object({
    kind: z.enum(["send", "hold", "merge", "suppress"]).openapi({
      description:
        "`send`: the delivery is sent at once; `hold`: it waits by itself; `merge`: it waits to be sent with others as one message; `suppress`: it is not sent",
      example: "hold",
    }),
    reason: z
      .enum(reasons)
      .nullable()
      .openapi({ description: "Null if the decision is `send`", example: "quiet_hours" }),
    until: z.iso.datetime().nullable().openapi({
      description:
        "For `hold`: when the delivery is decided again. For `merge`: when its group is sent",
      example: "2027-03-02T07:00:00.000Z",
    }),
    adapted: z.enum(["backlog", "delay"]).nullable().openapi({
      description:
        "Why the batch may be larger or wait longer than the preferences say: `backlog` if many deliveries are due, `delay` if the oldest has been due for long",
      example: null,
    }),
  })
  .openapi("Decision");

type DecisionJson = z.output<typeof decisionAnswer>;

/** A rule of the policy and its part in a decision. */
export const ruleAnswer = z
  .object({
    name: z.string().openapi({ example: "quiet_hours" }),
    asks: z.string().openapi({
      description: "The question that the rule answers",
      example: "Does the recipient have quiet hours or do-not-disturb now?",
    }),
    outcome: z.enum(["passed", "decided", "not_asked"]).openapi({
      description:
        "`decided`: this rule made the decision; `passed`: it left the decision to the following rules; `not_asked`: an earlier rule had decided",
      example: "decided",
    }),
    saw: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({
        description: "The facts that the rule used; null if the rule was not evaluated",
        example: { zone: "Europe/Berlin", switchedOff: [] },
      }),
    preferences: z
      .array(
        z.object({
          path: z.string().openapi({ example: "quietHours" }),
          value: z.unknown().openapi({ example: [{ start: "22:00", end: "07:00" }] }),
          from: z.enum(preferenceLayers).openapi({
            description:
              "Who set the value: the recipient, the notification type or the organisation’s policy",
            example: "recipient",
          }),
        }),
      )
      .openapi({ description: "The preferences that the rule used, and who set them" }),
  })
  .openapi("WeighedRule");

export const versionsAnswer = z
  .object({
    policy: z
      .number()
      .int()
      .openapi({ description: "The version of the policy; 0 means the defaults", example: 3 }),
    type: z.number().int().nullable().openapi({
      description: "The version of the notification type; null if the delivery has no type",
      example: 1,
    }),
    preferences: z.number().int().openapi({
      description: "The version of the recipient’s preferences; 0 means that none were set",
      example: 2,
    }),
  })
  .openapi("DecisionVersions");

/** Lists every rule in order of precedence, with the facts that it used. */
export function rulesJson(facts: DecisionInput): z.output<typeof ruleAnswer>[] {
  const { evaluations } = explain(facts);
  const layers = {
    organisation: facts.policy.preferences,
    type: facts.type?.preferences ?? null,
    recipient: facts.statedPreferences,
  };
  const otherChannel = (path: PreferencePath) =>
    path.startsWith("channels.") && path !== `channels.${facts.message.channel}`;
  return rules.map(({ name, question, paths }, index) => {
    const evaluated = evaluations[index];
    if (!evaluated)
      return { name, asks: question, outcome: "not_asked", saw: null, preferences: [] };
    return {
      name,
      asks: question,
      outcome: evaluated.decision === null ? "passed" : "decided",
      saw: evaluated.inputs,
      preferences: paths
        .filter((path) => !otherChannel(path))
        .map((path) => ({
          path,
          value: readPath(path, facts.preferences),
          from: findOrigin(path, layers),
        })),
    };
  });
}

/** Returns why a delivery waits or is suppressed; null if it is sent. */
export function reasonOf(decision: Decision): Reason | null {
  switch (decision.kind) {
    case "send":
      return null;
    case "merge":
      return decision.into;
    case "hold":
    case "suppress":
      return decision.reason;
  }
}

export function decisionJson(decision: Decision): DecisionJson {
  const until = untilOf(decision);
  return {
    kind: decision.kind,
    reason: reasonOf(decision),
    until: until === null ? null : new Date(until).toISOString(),
    adapted: decision.kind === "merge" && decision.into === "batch" ? decision.adapted : null,
  };
}

function untilOf(decision: Decision): number | null {
  if (decision.kind === "hold") return decision.until;
  return decision.kind === "merge" ? decision.joinRequest.closesAt : null;
}

/** Describes what a decision would do with a delivery, as the rest of a sentence. */
export function describeDecision(
  { kind, reason, until }: DecisionJson,
  zone: string,
  { isLater = false } = {},
): string {
  const would = isLater ? "it would then" : "it would";
  if (kind === "send") return isLater ? `${would} be sent` : `${would} be sent at once`;
  if (kind === "suppress") return `${would} not be sent: ${reasonTexts[reason!]}`;
  return `${would} wait until ${describeInstant(Date.parse(until!), zone)}, ${reasonTexts[reason!]}`;
}
