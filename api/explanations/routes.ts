import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { audience } from "../../domain/audience.ts";
import { parsePublicId, publicIdPattern } from "../../domain/ids.ts";
import { findRecipientState, type RecipientState } from "../../ledger/recipient-snapshot.ts";
import { recipientParameter } from "../deliveries/filters.ts";
import { audienceExplanation, explainAudience } from "./audience.ts";
import { type Explanation, explanationAnswer } from "./answer.ts";
import { explainDelivery } from "./delivery.ts";
import { maskFor } from "../http/masking.ts";
import { notFound } from "../http/problem.ts";
import { throwNotFound, exampleIdOf, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const ofDelivery = defineRoute({
  method: "get",
  path: "/v1/deliveries/{id}/explanation",
  access: "viewer",
  summary: "Explain why a delivery was sent, waits, or was not sent",
  description:
    "Repeats the last decision about the delivery, and lists every rule in order of precedence, the facts that it used, and where they came from. A delivery without a decision is decided on the current facts.",
  request: { params: idParams("delivery") },
  responses: responses(200, "The explanation", explanationAnswer),
});

const sourcePattern = new RegExp(
  [publicIdPattern("notification"), publicIdPattern("campaign")]
    .map(({ source }) => source)
    .join("|"),
);

/** The largest number of deliveries of a source that are explained. Each takes several look-ups. */
const maxDeliveries = 20;

const ofRecipient = defineRoute({
  method: "get",
  path: "/v1/explanations",
  access: "viewer",
  summary: "Explain why a recipient did or did not receive a notification or campaign",
  description:
    "Explains every stage of the route and every snoozed repetition, not only the first.",
  request: {
    query: z.object({
      source: z
        .string()
        .regex(sourcePattern, "must be the id of a notification or a campaign")
        .openapi({
          description: "The id of a notification or a campaign: ntf_… or cmp_…",
          example: exampleIdOf("campaign"),
        }),
      recipient: recipientParameter,
    }),
  },
  responses: responses(
    200,
    "The explanation",
    z
      .object({
        owed: z.boolean().openapi({
          description: "Whether the ledger has a delivery of the source to this recipient",
          example: false,
        }),
        summary: z.string().openapi({
          description: "The explanation in one or two sentences",
          example:
            "The recipient was not in the audience when it was frozen, at 2027-03-01T09:00:00.000Z. As things stand now, they would not be in it.",
        }),
        delivery: z.union([explanationAnswer, z.null()]).openapi({
          description:
            "Why the recipient’s first delivery of the source was sent, waits, or was not sent",
          example: null,
        }),
        stages: z.array(explanationAnswer).openapi({
          description: `All deliveries of the source to this recipient, the first included, in the order in which they were created: one for each stage of the route that has begun, and one for each time that the message was snoozed. At most ${maxDeliveries}`,
          example: [],
        }),
        audience: z.union([audienceExplanation, z.null()]).openapi({
          description:
            "For a campaign without a delivery to this recipient: why the recipient is not in its audience",
        }),
      })
      .openapi("RecipientExplanation"),
  ),
});

export function explanationRoutes({ pool, clock, readPolicySnapshot }: Services) {
  const deps = { pool, rulebook: readPolicySnapshot };

  return createRouter()
    .openapi(ofDelivery, async (c) => {
      const id = readPathId("delivery", c.req.valid("param").id);
      const explained = await explainDelivery(deps, id, clock());
      return c.json(maskFor(c, explained ?? throwNotFound("delivery")), 200);
    })
    .openapi(ofRecipient, async (c) => {
      const { source, recipient } = c.req.valid("query");
      const person = await findRecipientState(pool, recipient);
      if (!person) throw notFound("recipient");
      const notificationId = parsePublicId("notification", source);
      const ids = await findDeliveries(
        pool,
        notificationId,
        parsePublicId("campaign", source),
        person,
      );
      const stages: Explanation[] = [];
      // One after the other, so that a request uses one connection.
      for (const id of ids) stages.push(...optional(await explainDelivery(deps, id, clock())));
      const [first] = stages;
      if (first)
        return c.json(
          maskFor(c, {
            owed: true,
            summary: first.summary,
            delivery: first,
            stages,
            audience: null,
          }),
          200,
        );
      const absence =
        notificationId === null
          ? await explainAbsence(pool, parsePublicId("campaign", source)!, person)
          : await explainUnnamed(pool, notificationId);
      return c.json({ owed: false, delivery: null, stages: [], ...absence }, 200);
    });
}

/** Finds the UUIDs of the deliveries that a notification or campaign owes a recipient: the first stage, then the others as they began. */
async function findDeliveries(
  pool: Pick<Pool, "query">,
  notificationId: string | null,
  campaignId: string | null,
  { id }: RecipientState,
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM deliveries WHERE ${notificationId === null ? "campaign_id" : "notification_id"} = $1::uuid AND recipient_id = $2::uuid
     ORDER BY leg <> 'primary', id LIMIT ${maxDeliveries}`,
    [notificationId ?? campaignId, id],
  );
  return rows.map((row) => row.id);
}

const optional = <Value>(value: Value | null): Value[] => (value === null ? [] : [value]);

async function explainUnnamed(pool: Pick<Pool, "query">, id: string) {
  const { rowCount } = await pool.query("SELECT FROM notifications WHERE id = $1::uuid", [id]);
  if (rowCount === 0) throwNotFound("notification");
  return { summary: "The notification does not name this recipient.", audience: null };
}

interface CampaignRow {
  audience: unknown;
  frozenAt: Date | null;
  archived: boolean;
}

async function explainAbsence(pool: Pick<Pool, "query">, id: string, person: RecipientState) {
  const { rows } = await pool.query<CampaignRow>(
    `SELECT audience, frozen_at AS "frozenAt", EXISTS (SELECT FROM archived_deliveries a WHERE a.campaign_id = c.id) AS archived
     FROM campaigns c WHERE id = $1::uuid`,
    [id],
  );
  const [row] = rows;
  if (!row) throwNotFound("campaign");
  if (person.erased)
    return {
      summary: `The recipient was erased at ${person.erasedAt!.toISOString()}. Erased recipients are in no audience.`,
      audience: null,
    };
  const explained = await explainAudience(pool, audience.parse(row.audience), person.id);
  return { summary: summariseAbsence(row, person, explained.isIn), audience: explained };
}

function summariseAbsence(
  { frozenAt, archived }: CampaignRow,
  person: RecipientState,
  isIn: boolean,
): string {
  if (frozenAt === null)
    return `The audience is not frozen yet. As things stand now, the recipient would ${isIn ? "" : "not "}be in it.`;
  const now = `As things stand now, they would ${isIn ? "" : "not "}be in it.`;
  const when = `when it was frozen, at ${frozenAt.toISOString()}`;
  if (person.createdAt > frozenAt)
    return `The recipient was not in the audience ${when}, because they were created later. ${now}`;
  if (archived)
    return `The ledger has no delivery for the recipient. They were not in the audience ${when}, or their delivery has since been removed because its retention ended. ${now}`;
  return `The recipient was not in the audience ${when}. ${now}`;
}
