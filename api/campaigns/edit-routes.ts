import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import {
  applyAction,
  type CampaignEdit,
  campaignEdit,
  editRefusal,
} from "../../domain/campaign.ts";
import {
  compileVariables,
  type TemplateVariables,
} from "../../domain/templates/template-variables.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { describedAudience, segmentsOf } from "../segments/audience.ts";
import {
  campaignAnswer,
  type CampaignRow,
  countsOfCampaign,
  lockCampaign,
  type ReadCampaign,
  readCampaign,
  setThrottle,
  updateCampaign,
} from "./store.ts";
import { etagOf, ifMatchHeaders, requireMatch, setEtag } from "../http/etag.ts";
import { type FieldError, invalid, Problem } from "../http/problem.ts";
import { readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { dataErrors, pinVersion } from "../templates/version-cache.ts";
import { holdType } from "../notification-types/lookup.ts";
import { changeVersioned } from "../http/versioned.ts";
import type { Services } from "../services.ts";

const count = (description: string) => z.number().int().openapi({ description });

const preview = z
  .object({
    changes: z.record(z.string(), z.object({ from: z.unknown(), to: z.unknown() })).openapi({
      description: "The fields that would change; a revision among them if the message does",
      example: {
        data: { from: { discount: "20%" }, to: { discount: "25%" } },
        revision: { from: 1, to: 2 },
      },
    }),
    impact: z
      .object({
        audience: z.number().int().nullable().openapi({ description: "Null until it is frozen" }),
        pending: count("Not sent yet"),
        sending: count("Being handed over"),
        alreadySent: count("Sent or delivered"),
        unknown: count("May have been sent"),
        ended: count("Failed, suppressed or cancelled"),
        newMessage: z.number().int().nullable().openapi({
          description:
            "Those that would go out with the new message: what is pending. None if the message stays as it is; null before the audience is frozen, for then it is everybody",
        }),
        oldMessage: count(
          "Those that went out with an older message, or may have: already sent, unknown, and what is being handed over",
        ),
      })
      .openapi({
        example: {
          audience: 1000,
          pending: 640,
          sending: 10,
          alreadySent: 348,
          unknown: 0,
          ended: 2,
          newMessage: 640,
          oldMessage: 358,
        },
      }),
    etag: z.string().openapi({
      description: "The If-Match of the edit itself",
      example: '"4"',
    }),
  })
  .openapi("CampaignEditPreview");

const edit = defineRoute({
  method: "patch",
  path: "/v1/campaigns/{id}",
  access: "sender",
  summary: "Edit a campaign; once its audience is frozen, what is still pending of it",
  description:
    "Until its audience is frozen every field can be edited; a startAt schedules a draft. After that its name, template, data and priority can, until it has ended: " +
    "each message handed over from then on is the new one, and GET …/revisions tells what went out before. " +
    "With dryRun=true nothing is changed: the answer says what would be, and which If-Match the edit itself needs.",
  request: {
    params: idParams("campaign"),
    headers: ifMatchHeaders,
    query: z.object({
      dryRun: z
        .enum(["true", "false"])
        .default("false")
        .openapi({ description: "Only say what would change. Needs no If-Match." }),
    }),
    body: jsonContent(
      campaignEdit.extend({ audience: describedAudience.optional() }).openapi({
        example: { data: { discount: "25%" }, priority: "high" },
      }),
    ),
  },
  responses: responses(
    200,
    "The campaign afterwards; with dryRun what would change",
    z.union([campaignAnswer, preview]),
  ),
});

/** Of smallint, which counts them. */
const maxRevision = 32_767;

/** Fields that stand in the ledger as they are shown. */
const plainColumns = ["name", "audience", "data", "priority", "guarantee"] as const;

interface Plan {
  changes: Record<string, { from: unknown; to: unknown }>;
  columns: Prisma.CampaignUncheckedUpdateInput;
  /** The audience is in the ledger, and what is pending is to get another message. */
  supersedes: boolean;
}

export function campaignEditRoutes(services: Services) {
  const { prisma, clock, wakes, templateVersions } = services;

  /** The version that an edit asks for, if it asks for one, with the edit's data or else what the campaign has. Throws the problem if they do not fit. */
  async function versionFor(
    client: Prisma.TransactionClient,
    { row, json }: ReadCampaign,
    { template, data }: CampaignEdit,
  ) {
    const now = json.template;
    if (template && (template.key !== now.key || template.version !== now.version)) {
      const wanted = { template, data: data ?? json.data };
      const { id, version } = await pinVersion(templateVersions, client, wanted);
      return { id, shown: { key: template.key, version } };
    }
    const { templateVersionId: id } = row;
    if (data) {
      const { variables } = await client.templateVersion.findUniqueOrThrow({
        where: { id },
        select: { variables: true },
      });
      const errors = dataErrors(compileVariables(variables as TemplateVariables), data);
      if (errors.length > 0) throw invalid(errors);
    }
    return { id, shown: now };
  }

  /** What an edit would change. Throws the problem of one that is refused. */
  async function planEdit(
    client: Prisma.TransactionClient,
    read: ReadCampaign,
    wanted: CampaignEdit,
  ): Promise<Plan> {
    const { row, json } = read;
    const version = await versionFor(client, read, wanted);
    const { template, startAt, ...rest } = wanted;
    const shown = {
      ...rest,
      ...(template && { template: version.shown }),
      ...(startAt && { startAt: startAt.toISOString() }),
    };
    const fields = (Object.keys(shown) as (keyof typeof shown)[]).filter(
      (field) => !isDeepStrictEqual(shown[field], json[field]),
    );
    const refusals = fields.flatMap((field): FieldError[] => {
      const why = editRefusal({ ...row, correction: row.correctsId !== null }, field);
      return why === null ? [] : [{ in: "body", field: `/${field}`, message: why }];
    });
    if (refusals.length > 0) throw refused(refusals);
    if (wanted.audience && fields.includes("audience")) await segmentsOf(client, wanted.audience);
    const type =
      wanted.type && fields.includes("type") ? await holdType(client, wanted.type) : null;
    const supersedes =
      row.frozenAt !== null && (fields.includes("template") || fields.includes("data"));
    if (supersedes && row.revision >= maxRevision)
      throw new Problem(
        "conflict",
        `It has been edited ${maxRevision} times: recall it, and send another.`,
      );

    const start =
      startAt && fields.includes("startAt") ? startedAt(row, startAt, clock()) : undefined;
    const changed = <Field extends keyof typeof json>(field: Field, to: unknown) =>
      [field, { from: json[field], to }] as const;
    return {
      changes: Object.fromEntries([
        ...fields.map((field) => changed(field, shown[field])),
        ...(start && start.status !== row.status ? [changed("status", start.status)] : []),
        ...(supersedes ? [changed("revision", row.revision + 1)] : []),
      ]),
      columns: {
        ...Object.fromEntries(
          plainColumns
            .filter((column) => fields.includes(column))
            .map((column) => [column, wanted[column]]),
        ),
        ...(fields.includes("template") && { templateVersionId: version.id }),
        ...(fields.includes("type") && { typeId: type?.id ?? null }),
        ...start,
        ...(supersedes && { revision: row.revision + 1 }),
      },
      supersedes,
    };
  }

  async function dryRun(
    reference: string,
    wanted: CampaignEdit,
    match: (version: number) => void,
  ): Promise<z.output<typeof preview>> {
    const id = readPathId("campaign", reference);
    const read = await readCampaign(prisma, id);
    match(read.row.version);
    const { changes, supersedes } = await planEdit(prisma, read, wanted);
    const counts = await countsOfCampaign(prisma, id);
    const { pending, sending, unknown } = counts;
    const alreadySent = counts.sent + counts.delivered;
    return {
      changes,
      impact: {
        audience: read.row.audienceCount,
        pending,
        sending,
        alreadySent,
        unknown,
        ended: counts.failed + counts.suppressed + counts.cancelled,
        newMessage: read.row.frozenAt === null ? null : supersedes ? pending : 0,
        oldMessage: alreadySent + unknown + sending,
      },
      etag: etagOf(read.row.version),
    };
  }

  return createRouter().openapi(edit, async (c) => {
    const reference = c.req.valid("param").id;
    const wanted = c.req.valid("json");
    if (c.req.valid("query").dryRun === "true") {
      const given = c.req.header("if-match") !== undefined;
      const answer = await dryRun(reference, wanted, (version) => {
        if (given) requireMatch(c, version);
        setEtag(c, version);
      });
      return c.json(answer, 200);
    }
    const id = readPathId("campaign", reference);
    const { json } = await changeVersioned(c, services, "campaign.edit", {
      lock: (tx) => lockCampaign(tx, id),
      describe: (read) => ({ resource: reference, version: read.row.version, facts: read.json }),
      async write(tx, before) {
        const { changes, columns, supersedes } = await planEdit(tx, before, wanted);
        if (Object.keys(changes).length === 0) return null;
        const now = clock();
        if (supersedes) await keepRevision(tx, before.row, now);
        if (changes.throttle) await setThrottle(tx, reference, wanted.throttle ?? null, now);
        const after = await updateCampaign(tx, id, columns, now);
        return {
          after,
          ...(after.row.status !== "draft" && {
            committed: () => wakes.campaign(reference, { requestId: c.get("requestId") }),
          }),
        };
      },
    });
    return c.json(json, 200);
  });
}

function refused(refusals: readonly FieldError[]): Problem {
  const told = refusals.map(({ field, message }) => `${field} cannot be edited: ${message}`);
  return new Problem("conflict", `${told.join("; ")}.`, { errors: refusals });
}

/** An instant schedules a draft; of another campaign it moves the start. */
function startedAt(row: CampaignRow, startAt: Date, now: Date) {
  const action = row.status === "draft" ? "schedule" : "reschedule";
  const transition = applyAction(row, { action, startAt }, now);
  if (transition.kind === "refused")
    throw new Problem("conflict", `Its start cannot be moved: ${transition.why}.`);
  return { status: transition.state.status, startAt: transition.state.startAt };
}

/** What it said so far, for what has been sent of it. */
async function keepRevision(tx: Prisma.TransactionClient, row: CampaignRow, now: Date) {
  const { id, revision, templateVersionId, data } = row;
  await tx.campaignRevision.create({
    data: {
      campaignId: id,
      revision,
      templateVersionId,
      data: data as Prisma.InputJsonObject,
      replacedAt: now,
    },
  });
}
