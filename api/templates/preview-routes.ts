import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { recipientProfile, recipientReference } from "../../domain/recipient.ts";
import { text } from "../../domain/text.ts";
import type { RecipientScope } from "../../domain/templates/template.ts";
import { htmlWarnings } from "../../domain/templates/warnings.ts";
import { invalid } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { fieldErrors } from "./version-cache.ts";
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
  summary: "Preview the message that a recipient would get",
  request: {
    params: templateParams,
    body: jsonContent(
      z.strictObject({
        version: anyVersion,
        data: exampleData,
        recipient: z
          .union(
            [text(200), recipientProfile.extend({ externalId: text(200).optional() })],
            "must be an id, or an object such as { email, locale, attributes }",
          )
          .optional()
          .openapi({
            description:
              "The id of a recipient, or an example recipient; a default example if left out",
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

/** The recipient of a preview that names none. */
const exampleRecipient: RecipientScope = {
  id: "rcp_00000000000000000000000000",
  externalId: "example",
  email: "recipient@example.org",
  timeZone: "UTC",
  locale: "en",
  attributes: {},
};

/** The routes that render a message before it is sent. */
export function templatePreviewRoutes({ prisma, templateRendering }: Services) {
  async function resolveScope(
    reference:
      | string
      | (Omit<RecipientScope, "id" | "externalId"> & { externalId?: string | undefined })
      | undefined,
  ): Promise<RecipientScope> {
    if (reference === undefined) return exampleRecipient;
    if (typeof reference === "object")
      return { ...reference, id: exampleRecipient.id, externalId: reference.externalId ?? null };
    const row = await prisma.recipient.findFirst({
      where: { ...recipientReference(reference), erasedAt: null },
    });
    if (!row)
      throw invalid([
        {
          in: "body",
          field: "/recipient",
          message: "names no recipient: create it first, or describe one in the request",
        },
      ]);
    return {
      ...row,
      id: publicId("recipient", row.id),
      attributes: row.attributes as Record<string, unknown>,
    };
  }

  return createRouter().openapi(preview, async (c) => {
    const { version: number, data, recipient } = c.req.valid("json");
    const template = await findTemplate(prisma, c.req.valid("param").key);
    const version = await findVersion(prisma, template, number);
    const scope = await resolveScope(recipient);
    const preview = await templateRendering.preview(c.get("caller"), version, scope, data);
    switch (preview.kind) {
      case "unfit":
        throw invalid(fieldErrors(preview.faults));
      case "fault":
        throw invalid([
          { in: "body", field: "/data", message: `does not fit the template: ${preview.fault}` },
        ]);
      case "rendered": {
        const { message } = preview;
        const found = atPath("/html", htmlWarnings(message.html, { isTemplate: false }));
        return c.json({ version: version.version, ...message, warnings: found }, 200);
      }
    }
  });
}
