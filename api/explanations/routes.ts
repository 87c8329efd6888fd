import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { audience } from "../../domain/audience.ts";
import { parsePublicId, publicIdPattern } from "../../domain/ids.ts";
import { findRecipientState, type RecipientState } from "../../ledger/recipient-snapshot.ts";
import { recipientParameter } from "../deliveries/filters.ts";
import { audienceExplanation, explainAudience } from "./audience.ts";
import { explanationAnswer } from "./answer.ts";
import { explainDelivery } from "./delivery.ts";
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
    "Repeats the last decision for the record: every rule in order of precedence, what it saw, and where that value came from. A delivery without a decision is decided as things stand now.",
  request: { params: idParams("delivery") },
  responses: responses(200, "The explanation", explanationAnswer),
});

const sourcePattern = new RegExp(
  [publicIdPattern("notification"), publicIdPattern("campaign")]
    .map(({ source }) => source)
    .join("|"),
);

const ofRecipient = defineRoute({
  method: "get",
  path: "/v1/explanations",
  access: "viewer",
  summary: "Explain why a recipient did or did not receive a notification or campaign",
  request: {
    query: z.object({
      source: z
        .string()
        .regex(sourcePattern, "must be the id of a notification or a campaign")
        .openapi({ description: "ntf_… or cmp_…", example: exampleIdOf("campaign") }),
      recipient: recipientParameter,
    }),
  },
  responses: responses(
    200,
    "The explanation",
    z
      .object({
        owed: z.boolean().openapi({
          description: "Whether the ledger has a delivery of it to this recipient",
          example: false,
        }),
        summary: z.string().openapi({
          example:
            "They were not in the audience when it was chosen, at 2027-03-01T09:00:00.000Z. As things stand now, they would not be.",
        }),
        delivery: z.union([explanationAnswer, z.null()]).openapi({
          description: "Why the recipient’s delivery was sent, waits, or was not sent",
          example: null,
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
      return c.json(explained ?? throwNotFound("delivery"), 200);
    })
    .openapi(ofRecipient, async (c) => {
      const { source, recipient } = c.req.valid("query");
      const person = await findRecipientState(pool, recipient);
      if (!person) throw notFound("recipient");
      const notificationId = parsePublicId("notification", source);
      const delivery = await owedTo(
        pool,
        notificationId,
        parsePublicId("campaign", source),
        person,
      );
      if (delivery !== null) {
        const explained = await explainDelivery(deps, delivery, clock());
        if (explained)
          return c.json(
            { owed: true, summary: explained.summary, delivery: explained, audience: null },
            200,
          );
      }
      const nothing =
        notificationId === null
          ? await notOfCampaign(pool, parsePublicId("campaign", source)!, person)
          : await notNamed(pool, notificationId);
      return c.json({ owed: false, delivery: null, ...nothing }, 200);
    });
}

async function owedTo(
  pool: Pick<Pool, "query">,
  notificationId: string | null,
  campaignId: string | null,
  { id }: RecipientState,
): Promise<string | null> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM deliveries WHERE ${notificationId === null ? "campaign_id" : "notification_id"} = $1::uuid AND recipient_id = $2::uuid AND leg = 'primary'`,
    [notificationId ?? campaignId, id],
  );
  return rows[0]?.id ?? null;
}

async function notNamed(pool: Pick<Pool, "query">, id: string) {
  const { rowCount } = await pool.query("SELECT FROM notifications WHERE id = $1::uuid", [id]);
  if (rowCount === 0) throwNotFound("notification");
  return { summary: "The notification does not name this recipient.", audience: null };
}

interface CampaignRow {
  audience: unknown;
  frozenAt: Date | null;
  archived: boolean;
}

async function notOfCampaign(pool: Pick<Pool, "query">, id: string, person: RecipientState) {
  const { rows } = await pool.query<CampaignRow>(
    `SELECT audience, frozen_at AS "frozenAt", EXISTS (SELECT FROM archived_deliveries a WHERE a.campaign_id = c.id) AS archived
     FROM campaigns c WHERE id = $1::uuid`,
    [id],
  );
  const [row] = rows;
  if (!row) throwNotFound("campaign");
  if (person.erased)
    return {
      summary: `They were erased, at ${person.erasedAt!.toISOString()}: the erased are in no audience.`,
      audience: null,
    };
  const explained = await explainAudience(pool, audience.parse(row.audience), person.id);
  return { summary: sentenceOf(row, person, explained.isIn), audience: explained };
}

function sentenceOf(
  { frozenAt, archived }: CampaignRow,
  person: RecipientState,
  isIn: boolean,
): string {
  const now = `As things stand now, they would ${isIn ? "" : "not "}be.`;
  if (frozenAt === null) return `Its audience has not been chosen yet. ${now}`;
  const when = `when it was chosen, at ${frozenAt.toISOString()}`;
  if (person.createdAt > frozenAt)
    return `They were not in the audience ${when}: they were not there yet. ${now}`;
  if (archived)
    return `The ledger has nothing of it for them: they were not in the audience ${when}, or what they were owed has been removed since, for its time was over. ${now}`;
  return `They were not in the audience ${when}. ${now}`;
}
