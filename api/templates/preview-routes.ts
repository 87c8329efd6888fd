import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { recipientProfile, recipientReference } from "../../domain/recipient.ts";
import { text } from "../../domain/text.ts";
import {
  emailScope,
  type RecipientScope,
  renderEmail,
  type TemplateContent,
  TemplateError,
} from "../../domain/templates/template.ts";
import {
  compileVariables,
  type TemplateVariables,
} from "../../domain/templates/template-variables.ts";
import { htmlWarnings } from "../../domain/templates/warnings.ts";
import { invalid } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { dataErrors } from "./version-cache.ts";
import {
  anyVersion,
  atPath,
  exampleData,
  findTemplate,
  findVersion,
  templateParams,
  warnings,
} from "./store.ts";
import type { Services } from "../services.ts";

const preview = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/preview",
  access: "viewer",
  class: "render",
  summary: "What a recipient would get",
  request: {
    params: templateParams,
    body: jsonContent(
      z.strictObject({
        version: anyVersion,
        data: exampleData,
        /** Somebody stored, or somebody made up. */
        recipient: z
          .union(
            [text(200), recipientProfile.extend({ externalId: text(200).optional() })],
            "must be an id, or an object such as { email, locale, attributes }",
          )
          .optional()
          .openapi({
            description: "The id of somebody stored, or somebody made up; anybody if left out",
            example: { locale: "de", attributes: { name: "Ada" } },
          }),
      }),
    ),
  },
  responses: responses(
    200,
    "The message",
    z.object({
      version: z.number().int(),
      subject: z.string().openapi({ example: "Order A-1 is on its way" }),
      html: z.string().openapi({ example: "<p>Hello Ada, A-1 is on its way.</p>" }),
      text: z.string().openapi({ example: "Hello Ada, A-1 is on its way." }),
      warnings,
    }),
  ),
});

/** Stands in for the recipient where a preview names none. */
const anybody: RecipientScope = {
  id: "rcp_00000000000000000000000000",
  externalId: "example",
  email: "recipient@example.org",
  timeZone: "UTC",
  locale: "en",
  attributes: {},
};

/** Seeing a message before it goes to everybody. */
export function templatePreviewRoutes({ prisma }: Services) {
  async function resolveScope(
    wanted:
      | string
      | (Omit<RecipientScope, "id" | "externalId"> & { externalId?: string | undefined })
      | undefined,
  ): Promise<RecipientScope> {
    if (wanted === undefined) return anybody;
    if (typeof wanted === "object")
      return { ...wanted, id: anybody.id, externalId: wanted.externalId ?? null };
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

  return createRouter().openapi(preview, async (c) => {
    const { version: wanted, data, recipient } = c.req.valid("json");
    const template = await findTemplate(prisma, c.req.valid("param").key);
    const { version, content, variables } = await findVersion(prisma, template, wanted);
    const errors = dataErrors(compileVariables(variables as TemplateVariables), data);
    if (errors.length > 0) throw invalid(errors);
    const scope = emailScope(await resolveScope(recipient), data);
    try {
      const message = renderEmail(content as TemplateContent, scope);
      const found = atPath("/html", htmlWarnings(message.html, { isTemplate: false }));
      return c.json({ version, ...message, warnings: found }, 200);
    } catch (error) {
      if (error instanceof TemplateError)
        throw invalid([
          { in: "body", field: "/data", message: `does not fit the template: ${error.message}` },
        ]);
      throw error;
    }
  });
}
