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
import { instantWords, reasonWords } from "./reason-text.ts";

/** What policy says, as every route shows it. */
export const decisionAnswer = z
  .object({
    kind: z.enum(["send", "hold", "merge", "suppress"]).openapi({
      description:
        "`hold`: it waits by itself; `merge`: it waits with others, to go out as one message",
      example: "hold",
    }),
    reason: z
      .enum(reasons)
      .nullable()
      .openapi({ description: "Null where it is sent", example: "quiet_hours" }),
    until: z.iso.datetime().nullable().openapi({
      description: "When what waits is decided about again, or goes out with others",
      example: "2027-03-02T07:00:00.000Z",
    }),
    adapted: z.enum(["backlog", "delay"]).nullable().openapi({
      description: "Why its batch may grow further than is wished: so much waits, or for so long",
      example: null,
    }),
  })
  .openapi("Decision");

type DecisionJson = z.output<typeof decisionAnswer>;

export const ruleAnswer = z
  .object({
    name: z.string().openapi({ example: "quiet_hours" }),
    asks: z
      .string()
      .openapi({ example: "Does the recipient have quiet hours or do-not-disturb now?" }),
    outcome: z.enum(["passed", "decided", "not_asked"]).openapi({
      description: "The first rule that says something decides; those after it are not asked",
      example: "decided",
    }),
    saw: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({
        description: "The facts that it looked at; null where it was not asked",
        example: { zone: "Europe/Berlin" },
      }),
    preferences: z
      .array(
        z.object({
          path: z.string().openapi({ example: "quietHours" }),
          value: z.unknown().openapi({ example: [{ start: "22:00", end: "07:00" }] }),
          from: z.enum(preferenceLayers).openapi({ example: "recipient" }),
        }),
      )
      .openapi({ description: "The preferences that it looked at, and who said so" }),
  })
  .openapi("WeighedRule");

export const versionsAnswer = z
  .object({
    policy: z
      .number()
      .int()
      .openapi({ description: "0: what holds before anybody has said anything", example: 3 }),
    type: z.number().int().nullable().openapi({ description: "Null without a type", example: 1 }),
    preferences: z
      .number()
      .int()
      .openapi({ description: "0: the recipient had said nothing", example: 2 }),
  })
  .openapi("DecisionVersions");

/** Every rule in its order, with what those saw that were asked. */
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

/** Why it waits or is suppressed; null where it is sent. */
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
  return decision.kind === "merge" ? decision.joining.closesAt : null;
}

/** What a decision would have become of something, as the rest of a sentence. */
export function wouldWords({ kind, reason, until }: DecisionJson, zone: string): string {
  if (kind === "send") return "it would go out at once";
  if (kind === "suppress") return `it would not be sent: ${reasonWords[reason!]}`;
  return `it would wait until ${instantWords(Date.parse(until!), zone)}, ${reasonWords[reason!]}`;
}
