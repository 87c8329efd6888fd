import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { passedOverReasons, reachedLevels } from "../../domain/policy/route.ts";
import { offeredChannels } from "./previewed-message.ts";
import { publicId } from "../../domain/ids.ts";
import { instant } from "../../domain/time/instant.ts";
import { dayMs } from "../../domain/time/durations.ts";
import {
  type NotificationType,
  typeKey,
  typePatch,
} from "../../domain/policy/notification-type.ts";
import { policyPatch } from "../../domain/policy/policy.ts";
import { reasons } from "../../domain/delivery/reasons.ts";
import { patchDefinition } from "../notification-types/store.ts";
import { patchPolicy, readPolicy } from "./store.ts";
import { invalid, jsonPointer } from "../http/problem.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { exampleCount, type PolicySimulation, simulatePolicy, TooMuch } from "./simulation.ts";
import { createLimiter } from "../../lib/concurrency-limit.ts";
import type { Services } from "../services.ts";

const maxDays = 31;
const maxDeliveries = 50_000;

const wanted = z.strictObject({
  policy: policyPatch.optional().meta({
    description: "The change to the current policy: a JSON merge patch (RFC 7396)",
  }),
  types: z
    .record(typeKey, typePatch)
    .optional()
    .meta({
      description: "The changes to notification types, by key: JSON merge patches",
      example: { "task.deadline": { limits: { perDay: 3 } } },
    }),
  window: z
    .strictObject({
      from: instant.meta({ example: "2027-02-01T00:00:00Z" }),
      until: instant.meta({ example: "2027-03-01T00:00:00Z" }),
    })
    // An invalid instant is still a string here. It has an error of its own, so these comparisons let it pass.
    .refine(({ from, until }) => !(Number(from) >= Number(until)), {
      path: ["until"],
      error: "must be later than from",
    })
    .refine(({ from, until }) => !(Number(until) - Number(from) > maxDays * dayMs), {
      path: ["until"],
      error: `must be at most ${maxDays} days later than from`,
    })
    .meta({ description: "The window in which the simulated messages were requested" }),
  limit: z
    .int("must be a whole number")
    .min(1, `must be from 1 to ${maxDeliveries}`)
    .max(maxDeliveries, `must be from 1 to ${maxDeliveries}`)
    .default(maxDeliveries)
    .meta({
      description: "The largest number of deliveries to simulate: the first ones of the window",
    }),
});

const totals = z
  .object({
    deliveries: z
      .number()
      .int()
      .openapi({ description: "Deliveries that would be sent", example: 4_100 }),
    messages: z
      .number()
      .int()
      .openapi({ description: "Messages in which these deliveries would go out", example: 2_900 }),
    saved: z
      .number()
      .int()
      .openapi({ description: "Messages saved by batches and digests", example: 1_200 }),
    suppressed: z.partialRecord(z.enum(reasons), z.number().int()).openapi({
      description: "Deliveries that would not be sent, by reason",
      example: { duplicate: 12 },
    }),
    waiting: z.number().int().openapi({
      description: "Deliveries that would be neither sent nor suppressed 15 days after the window",
      example: 0,
    }),
    delayed: z
      .object({
        count: z.number().int().openapi({ example: 3_300 }),
        totalSeconds: z.number().openapi({ example: 5_940_000 }),
        p50Seconds: z.number().openapi({ example: 1_800 }),
        p95Seconds: z.number().openapi({ example: 7_200 }),
      })
      .openapi({
        description: "Deliveries that would be sent later than requested, and by how much",
      }),
    channels: z.partialRecord(z.enum(channels), z.number().int()).openapi({
      description: "Deliveries that would be sent, by channel",
      example: { email: 3_900, push: 200 },
    }),
    passedOver: z.partialRecord(z.enum(channels), z.number().int()).openapi({
      description:
        "Deliveries for which a channel that comes first in their stage would be passed over, by that channel",
      example: { push: 310 },
    }),
    later: z.number().int().openapi({
      description:
        "Stages that may follow some time after these deliveries, unless the recipient has read the message or acted on it before. They are not simulated",
      example: 120,
    }),
  })
  .openapi("SimulationTotals");

const outcome = z.object({
  status: z.enum(["sent", "suppressed", "waiting"]).openapi({ example: "sent" }),
  reason: z.enum(reasons).nullable().openapi({ example: null }),
  at: z.iso.datetime(),
  messages: z.number().int().openapi({
    description: "Messages to the recipient in the whole window",
    example: 17,
  }),
  channel: z.enum(channels).openapi({
    description: "The channel of the first stage",
    example: "email",
  }),
  passedOver: z
    .array(
      z.object({
        channel: z.enum(channels).openapi({ example: "push" }),
        why: z.enum(passedOverReasons).openapi({ example: "no_address" }),
      }),
    )
    .openapi({
      description: "The channels of the first stage that come before it, and why each is not used",
    }),
  stages: z
    .array(
      z.object({
        stage: z.number().int().openapi({ example: 1 }),
        channel: z.enum(channels).openapi({ example: "email" }),
        after: z
          .object({
            minutes: z.number().int().openapi({ example: 10 }),
            unless: z.enum(reachedLevels).openapi({ example: "read" }),
          })
          .nullable()
          .openapi({ description: "When the stage begins; null if it begins at once" }),
      }),
    )
    .openapi({ description: "The further stages of the route" }),
});

const differenceOf = (description: string) =>
  z.object({
    recipients: z.number().int().openapi({ example: 3 }),
    count: z.number().int().openapi({ description, example: 9 }),
    examples: z
      .array(
        z.object({
          recipient: z.string().openapi({ example: exampleIdOf("recipient") }),
          delivery: z.string().openapi({ example: exampleIdOf("delivery") }),
          before: outcome,
          after: outcome,
        }),
      )
      .openapi({ description: `One delivery each of up to ${exampleCount} recipients` }),
  });

const simulate = defineRoute({
  method: "post",
  path: "/v1/policies/simulate",
  access: "viewer",
  class: "heavy",
  summary:
    "Simulate a changed policy on the recorded past: who would have received more, less, or later",
  description:
    "Runs the messages that were requested in a window twice, under the current policy and types and under the changed ones, and compares the results. Nothing is changed or sent. " +
    "Recipients and their preferences are as they are now, each starts with an empty log of sent messages, and every message is sent at the first attempt without a throttle or provider limit. " +
    "Cancelled deliveries are left out. A message whose request has a route of its own keeps it; the route of each other message is chosen again, by the routing rules of now and by the type and the policy. Its deliveries are those of the stages that begin at once. A message that has the priority of its type gets the changed type’s priority.",
  request: { body: jsonContent(wanted) },
  responses: responses(
    200,
    "The differences",
    z
      .object({
        recipients: z
          .number()
          .int()
          .openapi({ description: "Recipients who were owed a message", example: 500 }),
        deliveries: z
          .number()
          .int()
          .openapi({ description: "Deliveries that were simulated", example: 4_200 }),
        cutOffAt: z.iso.datetime().nullable().openapi({
          description:
            "If there were more than the limit: when the last simulated delivery was created",
          example: null,
        }),
        before: totals,
        after: totals,
        more: differenceOf("How many more messages they would get").openapi({
          description: "Recipients who would get more messages",
        }),
        fewer: differenceOf("How many fewer messages they would get").openapi({
          description: "Recipients who would get fewer messages",
        }),
        later: differenceOf("How many deliveries would be sent later").openapi({
          description: "Recipients who would get a message later",
        }),
        rerouted: differenceOf("How many messages would use another channel").openapi({
          description: "Recipients of whose messages the first stage would use another channel",
        }),
        earlier: differenceOf("How many deliveries would be sent earlier").openapi({
          description: "Recipients who would get a message earlier",
        }),
      })
      .openapi("PolicySimulation"),
  ),
});

const tooMuch = {
  in: "body",
  field: "/window",
  message:
    "is too much to simulate: its messages wait too long. Choose a shorter window or a smaller limit",
} as const;

/** How many simulations run at once. Each occupies a CPU core. */
const simulationsAtOnce = 1;

export function policySimulationRoutes({ prisma, pool, readPolicySnapshot, config }: Services) {
  const limitSimulations = createLimiter(simulationsAtOnce);

  return createRouter().openapi(simulate, async (c) => {
    const { policy: patch = {}, types: patches = {}, window, limit } = c.req.valid("json");
    const [rulebook, inForce] = await Promise.all([readPolicySnapshot(), readPolicy(prisma)]);
    const after = {
      policy: patchPolicy(inForce, patch, ["policy"]),
      types: patchTypes(rulebook.types, patches),
    };
    const before = { policy: inForce.policy, types: rulebook.types };
    const rules = { rulebook, before, after, isOffered: offeredChannels(config) };
    const found = await limitSimulations(() =>
      simulatePolicy(pool, { ...window, limit }, rules).catch((error: unknown) => {
        throw error instanceof TooMuch ? invalid([tooMuch]) : error;
      }),
    );
    return c.json(simulationJson(found), 200);
  });
}

/** Applies the patches to the types. Throws the problem if a key names no type, or if the result is not valid. */
function patchTypes(
  types: ReadonlyMap<string, NotificationType>,
  patches: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, NotificationType> {
  const byKey = new Map([...types.values()].map((type) => [type.key, type]));
  const patched = new Map(types);
  for (const [key, patch] of Object.entries(patches)) {
    const type = byKey.get(key);
    if (!type)
      throw invalid([
        { in: "body", field: jsonPointer(["types", key]), message: "names no notification type" },
      ]);
    const { id, key: _, number, version, ...definition } = type;
    const changed = patchDefinition(definition, patch, ["types", key]);
    patched.set(id, { ...changed, id, key, number, version });
  }
  return patched;
}

function simulationJson({
  cutOffAt,
  more,
  fewer,
  later,
  earlier,
  rerouted,
  ...rest
}: PolicySimulation) {
  const outcomeJson = ({ at, ...own }: PolicySimulation["more"]["examples"][number]["before"]) => ({
    ...own,
    at: at.toISOString(),
  });
  const differenceJson = ({ examples, ...counts }: PolicySimulation["more"]) => ({
    ...counts,
    examples: examples.map(({ recipient, delivery, before, after }) => ({
      recipient: publicId("recipient", recipient),
      delivery: publicId("delivery", delivery),
      before: outcomeJson(before),
      after: outcomeJson(after),
    })),
  });
  return {
    ...rest,
    cutOffAt: cutOffAt?.toISOString() ?? null,
    more: differenceJson(more),
    fewer: differenceJson(fewer),
    later: differenceJson(later),
    earlier: differenceJson(earlier),
    rerouted: differenceJson(rerouted),
  };
}
