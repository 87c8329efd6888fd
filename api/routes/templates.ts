import { z } from "@hono/zod-openapi";
import { newUuid, publicId } from "../../domain/ids.ts";
import { templateKey, templateVersionNumber, notificationData } from "../../domain/notification.ts";
import { recipientProfile, recipientReference } from "../../domain/recipient.ts";
import { text } from "../../domain/storable.ts";
import {
  checkContent,
  emailScope,
  type RecipientScope,
  renderEmail,
  templateContent,
  TemplateError,
  type TemplateContent,
} from "../../domain/template.ts";
import {
  compileVariables,
  templateVariables,
  type TemplateVariables,
} from "../../domain/template-variables.ts";
import type { Prisma, TemplateVersion } from "../../prisma/generated/client.ts";
import { isUniqueViolation } from "../database-errors.ts";
import { commitOnce, idempotencyHeaders } from "../idempotency.ts";
import { invalid, jsonPointer, notFound, Problem } from "../problem.ts";
import { type ApiDeps, createRouter, defineRoute, jsonContent, responses } from "../router.ts";

const variables = templateVariables.default({ type: "object" }).meta({
  type: "object",
  description:
    "JSON Schema of the data that a notification or campaign must bring. Checked when something is accepted.",
  example: {
    type: "object",
    properties: { orderNumber: { type: "string" } },
    required: ["orderNumber"],
  },
});

const versionBody = z.strictObject({ content: templateContent, variables });
const templateBody = versionBody.extend({ key: templateKey, name: text(200) });

const previewBody = z.strictObject({
  version: templateVersionNumber.optional(),
  data: notificationData,
  /** Somebody stored, or somebody made up. */
  recipient: z
    .union(
      [text(200), recipientProfile.extend({ externalId: text(200).optional() })],
      "must be an id, or an object such as { email, locale, attributes }",
    )
    .optional(),
});

const templateAnswer = z
  .object({
    id: z.string(),
    key: z.string(),
    name: z.string(),
    createdAt: z.iso.datetime(),
    latestVersion: z.object({
      id: z.string(),
      version: z.number().int(),
      content: z.unknown(),
      variables: z.unknown(),
      createdAt: z.iso.datetime(),
    }),
  })
  .openapi("Template");

const previewAnswer = z.object({
  version: z.number().int(),
  subject: z.string(),
  html: z.string(),
  text: z.string(),
});

const params = z.object({ key: templateKey });

const create = defineRoute({
  method: "post",
  path: "/v1/templates",
  access: "sender",
  summary: "Create a template with its first version",
  request: { headers: idempotencyHeaders, body: jsonContent(templateBody) },
  responses: responses(201, "Created", templateAnswer),
});

const createVersion = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/versions",
  access: "sender",
  summary:
    "Add a version, which is the active one from then on. What was accepted before keeps its own.",
  request: { params, headers: idempotencyHeaders, body: jsonContent(versionBody) },
  responses: responses(201, "Created", templateAnswer),
});

const get = defineRoute({
  method: "get",
  path: "/v1/templates/{key}",
  access: "viewer",
  summary: "One template with its latest version",
  request: { params },
  responses: responses(200, "The template", templateAnswer),
});

const preview = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/preview",
  access: "viewer",
  summary: "What a recipient would get",
  request: { params, body: jsonContent(previewBody) },
  responses: responses(200, "The message", previewAnswer),
});

/** Stands in for the recipient where a preview names none. */
const example: RecipientScope = {
  id: "rcp_00000000000000000000000000",
  externalId: "example",
  email: "recipient@example.org",
  timeZone: "UTC",
  locale: "en",
  attributes: {},
};

export function templateRoutes(deps: ApiDeps) {
  const { prisma, clock } = deps;

  async function previewRecipient(
    wanted: z.output<typeof previewBody>["recipient"],
  ): Promise<RecipientScope> {
    if (wanted === undefined) return example;
    if (typeof wanted === "object")
      return { ...wanted, id: example.id, externalId: wanted.externalId ?? null };
    const row = await prisma.recipient.findFirst({
      where: { ...recipientReference(wanted), erasedAt: null },
    });
    if (!row)
      throw invalid([
        {
          in: "body",
          field: "/recipient",
          message: "names no recipient: create it first, or describe one inline",
        },
      ]);
    return {
      ...row,
      id: publicId("recipient", row.id),
      attributes: row.attributes as Record<string, unknown>,
    };
  }

  return createRouter()
    .openapi(create, async (c) => {
      const { key, name, content, variables } = c.req.valid("json");
      return commitOnce(c, deps, 201, async (tx) => {
        refuseUnusable(content, variables);
        const now = clock();
        const taken = new Problem(
          "conflict",
          `There is a template ${key} already. Add a version to it, or take another key.`,
        );
        if (await tx.template.findUnique({ where: { key }, select: { id: true } })) throw taken;
        try {
          const template = await tx.template.create({
            data: { id: newUuid(now), key, name, createdAt: now },
          });
          const version = await addVersion(tx, template.id, 1, content, variables, now);
          return {
            body: templateJson(template, version),
            changes: [{ action: "template.create", resource: key, after: { name, version: 1 } }],
          };
        } catch (error) {
          if (isUniqueViolation(error)) throw taken;
          throw error;
        }
      });
    })
    .openapi(createVersion, async (c) => {
      const { key } = c.req.valid("param");
      const { content, variables } = c.req.valid("json");
      return commitOnce(c, deps, 201, async (tx) => {
        refuseUnusable(content, variables);
        // Locked, so that two new versions get two numbers.
        const [locked] = await tx.$queryRaw<
          { id: string }[]
        >`SELECT id FROM templates WHERE key = ${key} FOR NO KEY UPDATE`;
        if (!locked) throw notFound("template");
        const template = await tx.template.findUniqueOrThrow({
          where: { id: locked.id },
          include: latest,
        });
        const number = template.versions[0]!.version + 1;
        const version = await addVersion(tx, template.id, number, content, variables, clock());
        await tx.template.update({
          where: { id: template.id },
          data: { activeVersion: number },
        });
        return {
          body: templateJson(template, version),
          changes: [{ action: "template.add_version", resource: key, after: { version: number } }],
        };
      });
    })
    .openapi(get, async (c) => {
      const template = await prisma.template.findUnique({
        where: { key: c.req.valid("param").key },
        include: latest,
      });
      if (!template) throw notFound("template");
      return c.json(templateJson(template, template.versions[0]!), 200);
    })
    .openapi(preview, async (c) => {
      const { key } = c.req.valid("param");
      const { version, data, recipient } = c.req.valid("json");
      const row = await prisma.templateVersion.findFirst({
        where: { template: { key }, ...(version !== undefined && { version }) },
        orderBy: { version: "desc" },
      });
      if (!row) throw notFound(version === undefined ? "template" : "version of the template");
      const faults = compileVariables(row.variables as TemplateVariables)(data);
      if (faults.length > 0)
        throw invalid(
          faults.map(({ path, message }) => ({
            in: "body",
            field: jsonPointer(["data", ...path]),
            message,
          })),
        );
      try {
        const message = renderEmail(
          row.content as TemplateContent,
          emailScope(await previewRecipient(recipient), data),
        );
        return c.json({ version: row.version, ...message }, 200);
      } catch (error) {
        if (error instanceof TemplateError)
          throw invalid([
            { in: "body", field: "/data", message: `does not fit the template: ${error.message}` },
          ]);
        throw error;
      }
    });
}

const latest = { versions: { orderBy: { version: "desc" }, take: 1 } } as const;

/** Neither can fail later for a reason that is seen now. */
function refuseUnusable(content: TemplateContent, variables: TemplateVariables): void {
  const errors = checkContent(content).map(({ path, message }) => ({
    in: "body" as const,
    field: jsonPointer(["content", ...path]),
    message,
  }));
  try {
    compileVariables(variables);
  } catch {
    errors.push({
      in: "body",
      field: "/variables",
      message: "is not a JSON Schema that data can be checked against",
    });
  }
  if (errors.length > 0) throw invalid(errors);
}

function addVersion(
  tx: Prisma.TransactionClient,
  templateId: string,
  version: number,
  content: TemplateContent,
  variables: TemplateVariables,
  now: Date,
) {
  return tx.templateVersion.create({
    data: {
      id: newUuid(now),
      templateId,
      version,
      content: content as Prisma.InputJsonObject,
      variables: variables as Prisma.InputJsonObject,
      createdAt: now,
    },
  });
}

function templateJson(
  { id, key, name, createdAt }: { id: string; key: string; name: string; createdAt: Date },
  version: TemplateVersion,
) {
  return {
    id: publicId("template", id),
    key,
    name,
    createdAt: createdAt.toISOString(),
    latestVersion: {
      id: publicId("templateVersion", version.id),
      version: version.version,
      content: version.content as unknown,
      variables: version.variables as unknown,
      createdAt: version.createdAt.toISOString(),
    },
  };
}
