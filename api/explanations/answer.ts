import { z } from "@hono/zod-openapi";
import { attemptFailures } from "../../domain/delivery/attempt.ts";
import { reasons } from "../../domain/delivery/reasons.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { decisionAnswer, ruleAnswer, versionsAnswer } from "./decision-json.ts";

export const explanationAnswer = z
  .object({
    delivery: z.string().openapi({ example: exampleIdOf("delivery") }),
    source: z
      .string()
      .openapi({ description: "cmp_… or ntf_…", example: exampleIdOf("notification") }),
    recipient: z.string().openapi({ example: exampleIdOf("recipient") }),
    summary: z.string().openapi({
      description: "What became of it and why, in a sentence or two",
      example:
        "It waits until 2027-03-02T06:00:00.000Z (Tuesday 2027-03-02 07:00 +01:00 in Europe/Berlin), for the recipient’s quiet hours to end.",
    }),
    status: z.enum(deliveryStatuses).openapi({ example: "pending" }),
    reason: z
      .enum(reasons)
      .nullable()
      .openapi({ description: "As the ledger keeps it", example: "quiet_hours" }),
    basis: z.enum(["record", "now"]).openapi({
      description:
        "`record`: the last decision about it, made again with what it was made with. `now`: it has not been decided about, or will be anew; this is as things stand now.",
      example: "record",
    }),
    asOf: z.iso.datetime().openapi({
      description: "The instant that was decided for",
      example: "2027-03-01T22:30:00.000Z",
    }),
    versions: versionsAnswer,
    decision: decisionAnswer,
    consistent: z.boolean().openapi({
      description:
        "Whether what was decided and what is found now agree. Where they do not, the decision is the one that was made, and the notes say what is found now.",
      example: true,
    }),
    notes: z.array(z.string()).openapi({
      description: "What this explanation cannot know any more, or had to take for granted",
      example: [],
    }),
    rules: z
      .array(ruleAnswer)
      .openapi({ description: "Every rule, in the order in which they are asked" }),
    group: z
      .object({
        id: z.string().openapi({ example: exampleIdOf("group") }),
        kind: z.enum(["batch", "digest"]),
        members: z.number().int().openapi({ example: 3 }),
        closesAt: z.iso.datetime(),
      })
      .nullable()
      .openapi({ description: "The others with which it goes, or went, out", example: null }),
    attempts: z.object({
      count: z.number().int().openapi({ example: 0 }),
      last: z
        .object({
          outcome: z.enum(["sent", "transient", "permanent", "unknown"]),
          failure: z.enum(attemptFailures).nullable(),
          response: z.string().nullable().openapi({ example: "450 4.2.0 greylisted" }),
          finishedAt: z.iso.datetime(),
        })
        .nullable()
        .openapi({ example: null }),
    }),
  })
  .openapi("Explanation");

export type Explanation = z.output<typeof explanationAnswer>;
