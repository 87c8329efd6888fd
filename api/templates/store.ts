import { z } from "@hono/zod-openapi";
import { newUuid, publicId } from "../../domain/ids.ts";
import { notificationData, templateKey, templateVersionNumber } from "../../domain/notification.ts";
import { nameText } from "../../domain/text.ts";
import { type TemplateContent, templateContent } from "../../domain/templates/content.ts";
import { blankInclusions, mapHtml } from "../../domain/templates/layouts.ts";
import type { Fault } from "../../domain/templates/template-error.ts";
import {
  htmlWarnings,
  type TemplateWarning,
  warningCodes,
} from "../../domain/templates/warnings.ts";
import {
  compileVariables,
  type TemplateVariables,
  templateVariables,
} from "../../domain/templates/template-variables.ts";
import type { Prisma, Template, TemplateVersion } from "../../prisma/generated/client.ts";
import type { Caller } from "../http/keyring.ts";
import { type FieldError, invalid, jsonPointer, notFound, Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { versionInPath } from "../http/version-metadata.ts";
import { flattenContent, type UsedLayout } from "../layouts/store.ts";

const exampleContent = {
  email: {
    subject: "Order {{ orderNumber }} is on its way",
    html: "<p>Hello {{ recipient.attributes.name }}, {{ orderNumber }} is on its way.</p>",
  },
};

const exampleVariables = {
  type: "object",
  properties: { orderNumber: { type: "string" } },
  required: ["orderNumber"],
};

/** The body of a request that saves a version. */
export const versionBody = z.strictObject({
  content: templateContent.meta({ example: exampleContent }),
  variables: templateVariables.default({ type: "object" }).meta({
    type: "object",
    description:
      "JSON Schema of the data of a notification or campaign. The data are checked when the notification or campaign is accepted.",
    example: exampleVariables,
  }),
});

export const templateName = nameText(200).openapi({ example: "Order shipped" });

export const newTemplateKey = templateKey.meta({ example: "order-shipped" });

export const templateParams = z.object({
  key: newTemplateKey.openapi({ description: "The key of the template" }),
});

export const versionParams = templateParams.extend({ version: versionInPath });

export const versionSummary = z
  .object({
    id: z.string().openapi({ example: "tpv_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    version: z.number().int().openapi({ example: 2 }),
    createdBy: z.string().nullable().openapi({
      description:
        "The author of the version: `bootstrap`, or the id of an API key or of a person. Null for a version that was saved before authors were kept",
      example: "bootstrap",
    }),
    createdAt: z.iso.datetime(),
  })
  .openapi("TemplateVersionSummary");

export const wholeVersion = versionSummary
  .extend({
    content: templateContent.meta({ example: exampleContent }),
    source: templateContent.nullable().meta({
      description:
        "The content as it was saved, with tags in the place of layouts; null where it includes none",
      example: null,
    }),
    variables: z.record(z.string(), z.unknown()).openapi({ example: exampleVariables }),
  })
  .openapi("TemplateVersion");

/** A template without its content, which would make a page too long. */
export const templateSummary = z
  .object({
    id: z.string().openapi({ example: "tpl_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    key: z.string().openapi({ example: "order-shipped" }),
    name: z.string().openapi({ example: "Order shipped" }),
    /** The version that is used where a request names none. */
    activeVersion: versionSummary,
    latestVersion: z.number().int().openapi({
      description: "The highest version number; not always the active version",
      example: 2,
    }),
    unfinishedCampaigns: z.number().int().openapi({
      description:
        "How many campaigns that have not ended, among them drafts, use a version of the template. Each keeps its version",
      example: 1,
    }),
    createdAt: z.iso.datetime(),
    archivedAt: z.iso.datetime().nullable().openapi({
      description:
        "Nothing new may use the template since this time; null where it is not archived",
    }),
  })
  .openapi("TemplateSummary");

export const wholeTemplate = templateSummary
  .extend({ activeVersion: wholeVersion })
  .openapi("Template");

export const warnings = z
  .array(
    z
      .object({
        code: z.enum(warningCodes).openapi({
          description:
            "`html_clipped`: Gmail shows the first 102 KB of the HTML only. `subject_long`, `title_long`, `body_long`: clients show only the beginning",
        }),
        message: z.string().openapi({
          example:
            "The HTML part has 130000 bytes. Gmail clips messages whose HTML has more than 104448 bytes (102 KB).",
        }),
        path: z.string().openapi({
          description:
            "JSON Pointer to the part of the request or answer that the warning is about",
          example: "/content/email/html",
        }),
      })
      .openapi("TemplateWarning"),
  )
  .openapi({ description: "Faults that do not prevent the template from being accepted" });

/** The answer to a saved version. */
export const savedTemplate = wholeTemplate.extend({ warnings }).openapi("SavedTemplate");

/** Warnings about content that is being saved. */
export function contentWarnings({ email, locales }: TemplateContent) {
  const warningsOf = (html: string | undefined, path: PropertyKey[]) =>
    html === undefined
      ? []
      : atPath(
          jsonPointer(["content", ...path, "email", "html"]),
          htmlWarnings(html, { isTemplate: true }),
        );
  return [
    ...warningsOf(email?.html, []),
    ...Object.entries(locales ?? {}).flatMap(([locale, parts]) =>
      warningsOf(parts.email?.html, ["locales", locale]),
    ),
  ];
}

const atPath = (path: string, found: readonly TemplateWarning[]) =>
  found.map((warning) => ({ ...warning, path }));

/** Converts faults of the `content` of a body to errors. */
const contentErrors = (faults: readonly Fault[]): FieldError[] =>
  faults.map(({ path, ...fault }) => ({
    in: "body",
    field: jsonPointer(["content", ...path]),
    ...fault,
  }));

/** Lists the error of variables that cannot be used, although they are well-formed. */
function variablesErrors(variables: TemplateVariables): FieldError[] {
  try {
    compileVariables(variables);
    return [];
  } catch {
    const message = "is not a JSON Schema by which data can be checked";
    return [{ in: "body", field: "/variables", message }];
  }
}

/** A version that can be saved. */
export interface NewVersion {
  createdBy: string;
  /** Without tags in the place of layouts. */
  content: TemplateContent;
  /** The content with these tags; null where it has none. */
  source: TemplateContent | null;
  variables: unknown;
  layouts: readonly UsedLayout[];
}

/**
 * Replaces the layouts in the content of a body. Throws the problem of content or variables that could never be used. Must not run within
 * a transaction: it waits for the rendering thread.
 */
export async function prepareVersion(
  { prisma, templateRendering }: Pick<Services, "prisma" | "templateRendering">,
  caller: Caller,
  { content, variables }: z.infer<typeof versionBody>,
): Promise<NewVersion> {
  const flat = await flattenContent(prisma, content);
  if (flat.faults.length > 0) throw invalid(contentErrors(flat.faults));
  // Without the tags of layouts, but with the lines and columns that the author knows.
  const own = flat.isChanged ? mapHtml(content, blankInclusions).content : content;
  let faults = await templateRendering.check(caller, own);
  if (faults.length === 0 && flat.isChanged)
    faults = await templateRendering.check(caller, flat.content);
  const errors = [...contentErrors(faults), ...variablesErrors(variables)];
  if (errors.length > 0) throw invalid(errors);
  return {
    createdBy: caller.id,
    content: flat.content,
    source: flat.isChanged ? content : null,
    variables,
    layouts: flat.used,
  };
}

type Client = Pick<Prisma.TransactionClient, "template" | "templateVersion">;

/** Finds a template by its key; throws the 404. */
export async function findTemplate(client: Client, key: string): Promise<Template> {
  const template = await client.template.findUnique({ where: { key } });
  if (!template) throw notFound("template", "key");
  return template;
}

/** Throws the problem of a body whose `field` names a template that does not exist or is archived. A null key is accepted. */
export async function refuseUnusableTemplate(
  client: Pick<Prisma.TransactionClient, "template">,
  key: string | null,
  field: string,
): Promise<void> {
  if (key === null) return;
  const template = await client.template.findUnique({ where: { key } });
  const fault = !template ? unknownTemplate : template.archivedAt ? archivedTemplate(key) : null;
  if (fault !== null) throw invalid([{ in: "body", field, message: fault }]);
}

/** The message about a reference to a template that does not exist. */
export const unknownTemplate = "names no template: create it first with POST /v1/templates";

export const archivedTemplate = (key: string) =>
  `names an archived template: use another, or restore it with POST /v1/templates/${key}/restore`;

/** Finds a template and locks it against other changes until the end of the transaction; throws the 404. */
export async function lockTemplate(tx: Prisma.TransactionClient, key: string): Promise<Template> {
  await tx.$queryRaw`SELECT FROM templates WHERE key = ${key} FOR NO KEY UPDATE`;
  return findTemplate(tx, key);
}

/** Finds a version of a template, by default the active one; throws the 404. */
export async function findVersion(
  client: Client,
  template: Template,
  version: number = template.activeVersion,
): Promise<TemplateVersion> {
  const row = await client.templateVersion.findUnique({
    where: { templateId_version: { templateId: template.id, version } },
  });
  if (!row) throw notFound("version of the template", "number");
  return row;
}

export async function latestVersion(client: Client, { id }: Template): Promise<number> {
  const { _max } = await client.templateVersion.aggregate({
    where: { templateId: id },
    _max: { version: true },
  });
  return _max.version!;
}

/** Creates a template with version 1; throws the 409 where the key is taken. */
export async function insertTemplate(
  tx: Prisma.TransactionClient,
  { key, name }: { key: string; name: string },
  version: NewVersion,
  now: Date,
): Promise<{ template: Template; version: TemplateVersion }> {
  const { count } = await tx.template.createMany({
    data: [{ id: newUuid(now), key, name, createdAt: now }],
    skipDuplicates: true,
  });
  if (count === 0)
    throw new Problem(
      "conflict",
      `There is a template ${key} already. Add a version to it, or use another key.`,
    );
  const template = await findTemplate(tx, key);
  return { template, version: await insertVersion(tx, template, 1, version, now) };
}

export async function insertVersion(
  tx: Prisma.TransactionClient,
  template: Template,
  version: number,
  { content, source, variables, layouts, createdBy }: NewVersion,
  now: Date,
): Promise<TemplateVersion> {
  const row = await tx.templateVersion.create({
    data: {
      id: newUuid(now),
      templateId: template.id,
      version,
      content,
      ...(source && { source }),
      variables: variables as Prisma.InputJsonObject,
      createdBy,
      createdAt: now,
    },
  });
  if (layouts.length > 0) {
    // A layout that was deleted meanwhile is not recorded.
    await tx.$executeRaw`
      INSERT INTO layout_uses (layout_id, template_version_id, layout_version)
      SELECT l.id, ${row.id}::uuid, u.version
      FROM unnest(${layouts.map(({ id }) => id)}::uuid[], ${layouts.map((used) => used.version)}::int[]) AS u(id, version)
      JOIN layouts AS l ON l.id = u.id FOR KEY SHARE OF l`;
  }
  return row;
}

/** Returns a saved version as one to be saved again under another template, by another author. */
export async function copyVersion(
  client: Pick<Prisma.TransactionClient, "layoutUse">,
  { id, content, source, variables }: TemplateVersion,
  createdBy: string,
): Promise<NewVersion> {
  const uses = await client.layoutUse.findMany({ where: { templateVersionId: id } });
  return {
    createdBy,
    content: content as TemplateContent,
    source: source as TemplateContent | null,
    variables,
    layouts: uses.map(({ layoutId, layoutVersion: used }) => ({ id: layoutId, version: used })),
  };
}

/** Makes the answer that shows a template. */
export async function templateAnswer(
  client: Client & Pick<Prisma.TransactionClient, "campaign">,
  template: Template,
) {
  const active = await findVersion(client, template);
  const unfinishedCampaigns = await client.campaign.count({
    where: { finishedAt: null, templateVersion: { templateId: template.id } },
  });
  return {
    ...templateJson(template, {
      latestVersion: await latestVersion(client, template),
      unfinishedCampaigns,
    }),
    activeVersion: versionJson(active),
  };
}

export function templateJson(
  { id, key, name, createdAt, archivedAt }: Template,
  { latestVersion, unfinishedCampaigns }: { latestVersion: number; unfinishedCampaigns: number },
) {
  return {
    id: publicId("template", id),
    key,
    name,
    latestVersion,
    unfinishedCampaigns,
    createdAt: createdAt.toISOString(),
    archivedAt: archivedAt?.toISOString() ?? null,
  };
}

export function versionSummaryJson(
  row: Pick<TemplateVersion, "id" | "version" | "createdBy" | "createdAt">,
) {
  return {
    id: publicId("templateVersion", row.id),
    version: row.version,
    createdBy: row.createdBy,
    createdAt: row.createdAt.toISOString(),
  };
}

export function versionJson(row: TemplateVersion) {
  return {
    ...versionSummaryJson(row),
    content: row.content as TemplateContent,
    source: row.source as TemplateContent | null,
    variables: row.variables as Record<string, unknown>,
  };
}

/** The part of a Prisma query that reads the key and the number of a template version without its content, which may be long. */
export const withTemplate = {
  templateVersion: { select: { version: true, template: { select: { key: true } } } },
} as const;

export const anyVersion = templateVersionNumber.optional().openapi({
  description: "The number of a version; the active version if left out",
  example: 2,
});

export const exampleData = notificationData.meta({ example: { orderNumber: "A-1" } });
