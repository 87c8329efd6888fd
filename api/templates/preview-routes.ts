import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { publicId } from "../../domain/ids.ts";
import { localeTag, recipientProfile, recipientReference } from "../../domain/recipient.ts";
import { text } from "../../domain/text.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import { contentChannels, type ContentChannel } from "../../domain/templates/content-parts.ts";
import { findPart } from "../../domain/templates/preview.ts";
import type { RecipientScope } from "../../domain/templates/template.ts";
import {
  messageWarnings,
  previewClients,
  type PreviewClient,
} from "../../domain/templates/warnings.ts";
import type { ApiEnv } from "../http/context.ts";
import { maskFor } from "../http/masking.ts";
import { invalid, jsonPointer } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { fieldErrors } from "./version-cache.ts";
import {
  anyVersion,
  exampleData,
  findTemplate,
  findVersion,
  prepareVersion,
  templateParams,
  versionBody,
  warnings,
} from "./store.ts";

/** The recipient, channel and data of a preview. */
const previewRequest = z.strictObject({
  channel: z.enum(contentChannels).default("email"),
  locale: localeTag.optional().openapi({
    description: "The locale in which to preview the message; that of the recipient if left out",
    example: "de-AT",
  }),
  client: z.enum(previewClients).optional().openapi({
    description: "Limits the warnings to those about this client",
    example: "ios",
  }),
  data: exampleData,
  recipient: z
    .union(
      [text(200), recipientProfile.extend({ externalId: text(200).optional() })],
      "must be an id, or an object such as { email, locale, attributes }",
    )
    .optional()
    .openapi({
      description: "The id of a recipient, or an example recipient; a default example if left out",
      example: { locale: "de", attributes: { name: "Ada" } },
    }),
});

const sender = (description: string, example: string) =>
  z.string().nullable().openapi({ description, example });

const bytes = z.number().int().openapi({ example: 2_048 });

const chosen = {
  locale: z.string().nullable().openapi({
    description: "The locale whose content was chosen; null for the default content",
    example: "de",
  }),
  derivedFrom: z.enum(contentChannels).nullable().openapi({
    description: "The channel from whose content the message is derived; null for its own content",
    example: null,
  }),
  warnings,
};

const title = z.string().openapi({ example: "Order A-1" });
const body = z.string().openapi({ example: "It is on its way." });
const address = z.string().optional().openapi({ example: "https://shop.example.org/orders/A-1" });
const button = z.object({
  label: z.string().openapi({ example: "Track it" }),
  url: z.string().openapi({ example: "https://shop.example.org/track/A-1" }),
});

/** The rendered message, by channel; `more` are further fields of the answer. */
const previewAnswer = <More extends z.core.$ZodLooseShape>(more: More) =>
  z.discriminatedUnion("channel", [
    z.object({
      ...more,
      channel: z.literal("email"),
      subject: z.string().openapi({ example: "Order A-1 is on its way" }),
      html: z.string().openapi({ example: "<p>Hello Ada, A-1 is on its way.</p>" }),
      text: z.string().openapi({ example: "Hello Ada, A-1 is on its way." }),
      headers: z
        .object({
          fromName: sender("Null for that of the installation", "Example Shop"),
          fromAddress: sender("Null for that of the installation", "orders@example.org"),
          replyTo: sender("Null if answers go to the sender", "help@example.org"),
        })
        .openapi({ description: "The headers that the template sets, besides the subject" }),
      bytes: z
        .object({ html: bytes, text: bytes })
        .openapi({ description: "The sizes of the parts in UTF-8, before they are encoded" }),
      ...chosen,
    }),
    z.object({
      ...more,
      channel: z.literal("push"),
      title,
      body,
      url: address,
      icon: address,
      image: address,
      badge: address,
      tag: z.string().optional().openapi({ example: "order-A-1" }),
      requireInteraction: z.boolean(),
      silent: z.boolean(),
      actions: z.array(button.extend({ icon: address })),
      ...chosen,
    }),
    z.object({
      ...more,
      channel: z.literal("in_app"),
      title,
      body,
      url: address,
      category: z.string().optional().openapi({ example: "orders" }),
      actions: z.array(button),
      ...chosen,
    }),
  ]);

const preview = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/preview",
  access: "viewer",
  class: "render",
  summary: "Preview the message that a recipient would get",
  request: {
    params: templateParams,
    body: jsonContent(previewRequest.extend({ version: anyVersion })),
  },
  responses: responses(
    200,
    "The message",
    previewAnswer({ version: z.number().int().openapi({ example: 2 }) }),
  ),
});

const previewUnsaved = defineRoute({
  method: "post",
  path: "/v1/templates/preview",
  access: "viewer",
  class: "render",
  summary: "Preview a message from content that is not saved",
  request: { body: jsonContent(previewRequest.extend(versionBody.shape)) },
  responses: responses(200, "The message", previewAnswer({})),
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

interface PreviewRequest {
  channel: ContentChannel;
  locale?: string | undefined;
  client?: PreviewClient | undefined;
  data: Record<string, unknown>;
  recipient?:
    | string
    | (Omit<RecipientScope, "id" | "externalId"> & { externalId?: string | undefined })
    | undefined;
}

/** The routes that render a message before it is sent. */
export function templatePreviewRoutes(services: Services) {
  const { prisma, templateRendering } = services;

  async function resolveRecipient(
    c: Context<ApiEnv>,
    reference: PreviewRequest["recipient"],
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
    const { externalId, email, phone, timeZone, locale } = row;
    const attributes = row.attributes as Record<string, unknown>;
    const known = { externalId, email, phone, timeZone, locale, attributes };
    return maskFor(c, { id: publicId("recipient", row.id), ...known });
  }

  /** Renders a version; throws the problem of content, data or a recipient with which that is impossible. */
  async function render(
    c: Context<ApiEnv>,
    version: { id: string | null; content: TemplateContent; source: unknown; variables: unknown },
    { channel, locale, client, data, recipient }: PreviewRequest,
  ) {
    const resolved = await resolveRecipient(c, recipient);
    const localized = { ...resolved, locale: locale ?? resolved.locale };
    const caller = c.get("caller");
    const preview = await templateRendering.preview(caller, channel, version, localized, data);
    switch (preview.kind) {
      case "unfit":
        throw invalid(fieldErrors(preview.faults));
      case "fault": {
        const { fault, part, position } = preview;
        // Only an unsaved version has its content in the request.
        const field =
          version.id === null && part !== null
            ? jsonPointer([
                "content",
                ...findPart(channel, version.content, localized.locale, part),
              ])
            : "/data";
        // Within layouts, lines are not those that the author knows.
        const place = version.source == null ? position : null;
        const message = `does not fit the template: ${place === null ? fault.replace(/, line:\d+, col:\d+$/, "") : fault}`;
        throw invalid([{ in: "body", field, message, ...place }]);
      }
      case "rendered": {
        const { message } = preview;
        const found = messageWarnings(channel, message, client).map(({ field, ...warning }) => ({
          ...warning,
          path: `/${field}`,
        }));
        if (message.channel !== "email") return { ...message, warnings: found };
        const { fromName, fromAddress, replyTo } = version.content.email ?? {};
        return {
          ...message,
          headers: {
            fromName: fromName ?? null,
            fromAddress: fromAddress ?? null,
            replyTo: replyTo ?? null,
          },
          bytes: {
            html: Buffer.byteLength(message.html),
            text: Buffer.byteLength(message.text),
          },
          warnings: found,
        };
      }
    }
  }

  return createRouter()
    .openapi(preview, async (c) => {
      const { version: number, ...request } = c.req.valid("json");
      const template = await findTemplate(prisma, c.req.valid("param").key);
      const version = await findVersion(prisma, template, number);
      const content = version.content as TemplateContent;
      const rendered = await render(c, { ...version, content }, request);
      return c.json({ version: version.version, ...rendered }, 200);
    })
    .openapi(previewUnsaved, async (c) => {
      const { content, variables, ...request } = c.req.valid("json");
      const version = await prepareVersion(services, c.get("caller"), { content, variables });
      return c.json(await render(c, { id: null, ...version }, request), 200);
    });
}
