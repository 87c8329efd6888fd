import { z } from "@hono/zod-openapi";
import { routedChannels } from "../../domain/policy/route.ts";
import { previewAudience } from "../../ledger/audience-preview.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { describedAudience, segmentsOf } from "../segments/audience.ts";
import type { Services } from "../services.ts";
import { recipientAnswer, recipientJsonFor } from "./store.ts";

const maxSample = 50;
const countOf = (description: string, example: number) =>
  z.number().int().openapi({ description, example });

const preview = defineRoute({
  method: "post",
  path: "/v1/audiences/preview",
  access: "viewer",
  class: "heavy",
  summary: "Count the recipients of an audience, and show a random sample. Nothing is saved.",
  description:
    "Counts for up to five seconds. If that is not enough, the answer has `atLeast` in place of `exactly`, no waterfall, and a sample of the recipients that were found until then.",
  request: {
    body: jsonContent(
      z.strictObject({
        audience: describedAudience,
        channels: z
          .array(z.enum(routedChannels))
          .min(1, "must name at least one channel")
          .max(routedChannels.length, `must name at most ${routedChannels.length} channels`)
          .default(["email"])
          .openapi({
            description:
              "The channels on which the recipients are to be reached. Everybody has an inbox, the channel `in_app`",
            example: ["email"],
          }),
        sample: z
          .int("must be a whole number")
          .min(0, "must be at least 0")
          .max(maxSample, `must be at most ${maxSample}`)
          .default(10)
          .openapi({ description: "The number of recipients to show", example: 10 }),
      }),
    ),
  },
  responses: responses(
    200,
    "Count and sample",
    z
      .object({
        count: z
          .union([
            z.object({ exactly: countOf("The recipients in the audience", 18_800) }),
            z.object({ atLeast: countOf("The recipients that were found in time", 10_000) }),
          ])
          .openapi({ example: { exactly: 18_800 } }),
        waterfall: z
          .object({
            included: countOf("All recipients that the audience includes", 20_000),
            erased: countOf("Those of them who were erased", 0),
            excluded: countOf("Those of the others whom the audience excludes", 1_200),
            suppressed: countOf(
              "Those of the others whose addresses are all on the suppression list",
              310,
            ),
            noAddress: countOf(
              "Those of the others who have no address on any of the channels",
              96,
            ),
            reachable: countOf("The recipients who remain", 18_394),
          })
          .nullable()
          .openapi({
            description:
              "`included` is the sum of the others. Preferences and other rules, which may keep a message from recipients who can be reached, are in the preview of the campaign. Null if counting took too long",
          }),
        sample: z.array(recipientAnswer),
      })
      .openapi("AudiencePreview"),
  ),
});

export function audienceRoutes({ prisma, pool }: Services) {
  return createRouter().openapi(preview, async (c) => {
    const wanted = c.req.valid("json");
    const segments = await segmentsOf(prisma, wanted.audience);
    const { counts, size, ids } = await previewAudience(pool, { ...wanted, segments });
    const rows = await prisma.recipient.findMany({ where: { id: { in: ids }, erasedAt: null } });
    const toJson = recipientJsonFor(c);
    const byId = new Map(rows.map((row) => [row.id, toJson(row)]));
    return c.json(
      {
        count: counts ? { exactly: size } : { atLeast: size },
        waterfall: counts && { included: size + counts.excluded + counts.erased, ...counts },
        sample: ids.flatMap((id) => byId.get(id) ?? []),
      },
      200,
    );
  });
}
