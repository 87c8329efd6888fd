import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { contentChannels, type ContentChannel } from "../../domain/templates/content-parts.ts";
import { publicId } from "../../domain/ids.ts";
import { maskFor } from "../http/masking.ts";
import { exampleIdOf, idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import {
  listDifferences,
  listHeaders,
  readSentMessage,
  type SentMessageRow,
  shownData,
  wasSent,
} from "./sent-message.ts";
import { templateVersionAnswer } from "./store.ts";

const address = z.string().nullable().openapi({ example: "https://shop.example.org/orders/A-1" });

const messageAnswer = z
  .object({
    delivery: z.string().openapi({ example: exampleIdOf("delivery") }),
    channel: z.enum(channels).openapi({ example: "email" }),
    sent: z.boolean().openapi({
      description:
        "Whether the message was handed over, or may have been. Otherwise this is the message as it would be sent now",
    }),
    differences: z.array(z.string()).openapi({
      description:
        "The message is rendered again for this answer, from the version and the data that were used: Tidings does not keep what it has sent. Each sentence names something by which the message that was sent may differ",
      example: [],
    }),
    template: templateVersionAnswer.nullable().openapi({
      description: "The version of the template; null if the notification has a content of its own",
      example: { key: "order-shipped", version: 1 },
    }),
    data: z.record(z.string(), z.unknown()).openapi({
      description: "The data of the notification or of the campaign’s revision",
      example: { order: "A-17" },
    }),
    locale: z.string().nullable().openapi({
      description: "The locale whose content was chosen; null for the default content",
      example: "de",
    }),
    derivedFrom: z.enum(contentChannels).nullable().openapi({
      description:
        "The channel from whose content the message is derived; null for its own content",
      example: null,
    }),
    email: z
      .object({
        headers: z
          .array(
            z.object({
              name: z.string().openapi({ example: "Subject" }),
              value: z.string().openapi({ example: "Order A-1 is on its way" }),
            }),
          )
          .openapi({ description: "The headers that depend on the message, not encoded" }),
        subject: z.string().openapi({ example: "Order A-1 is on its way" }),
        html: z.string().openapi({ example: "<p>Hello Ada, A-1 is on its way.</p>" }),
        text: z.string().openapi({ example: "Hello Ada, A-1 is on its way." }),
        bytes: z
          .object({ html: z.number().int(), text: z.number().int() })
          .openapi({ description: "The sizes of the parts in UTF-8, before they are encoded" }),
      })
      .nullable()
      .openapi({ description: "The parts of an email; null on other channels" }),
    notification: z
      .object({
        title: z.string().openapi({ example: "Order A-1" }),
        body: z.string().openapi({ example: "It is on its way." }),
        url: address,
        actions: z.array(z.object({ label: z.string(), url: z.string() })).openapi({ example: [] }),
      })
      .nullable()
      .openapi({
        description:
          "The parts of a push notification or of an item in an inbox; null on other channels",
        example: null,
      }),
  })
  .openapi("DeliveryMessage");

const get = defineRoute({
  method: "get",
  path: "/v1/deliveries/{id}/message",
  access: "viewer",
  class: "render",
  summary: "Get the message of a delivery, rendered again",
  description:
    "Of a delivery that has not ended, it is the message that would be sent now. Addresses of the recipient and in the data are masked for the role `viewer` and in the console. 410 means that the recipient was erased, or that the content of the notification was removed.",
  request: { params: idParams("delivery") },
  responses: responses(200, "The message", messageAnswer),
});

export function deliveryMessageRoutes({ pool, templateRendering, config }: Services) {
  return createRouter().openapi(get, async (c) => {
    const found =
      (await readSentMessage(pool, readPathId("delivery", c.req.valid("param").id))) ??
      throwNotFound("delivery");
    // The message is rendered from masked values, so that the texts of the template stay as they are.
    const { recipient, data } = maskFor(c, { recipient: found.recipient, data: found.data });
    const row = { ...found, recipient, data };
    const { content, channel } = checkAvailable(row);
    const preview = await templateRendering.preview(
      c.get("caller"),
      channel,
      // The data were checked when they were accepted.
      { id: row.versionId, content, variables: null },
      row.recipient,
      shownData(row),
    );
    if (preview.kind !== "rendered")
      throw new Problem(
        "conflict",
        `The message cannot be rendered. ${preview.kind === "fault" ? `The template says: ${preview.fault}` : "Its data cannot be used any more."}`,
      );
    const { message } = preview;
    return c.json(
      {
        delivery: publicId("delivery", row.id),
        channel: row.channel,
        sent: wasSent(row),
        differences: listDifferences(row),
        template: row.template,
        data: row.data,
        locale: message.locale,
        derivedFrom: message.derivedFrom,
        email:
          message.channel === "email"
            ? {
                headers: listHeaders(row, message.subject, config),
                subject: message.subject,
                html: message.html,
                text: message.text,
                bytes: {
                  html: Buffer.byteLength(message.html),
                  text: Buffer.byteLength(message.text),
                },
              }
            : null,
        notification:
          message.channel === "email"
            ? null
            : {
                title: message.title,
                body: message.body,
                url: message.url ?? null,
                actions: (message.actions ?? []).map(({ label, url }) => ({ label, url })),
              },
      },
      200,
    );
  });
}

/** Throws a problem if what the message consisted of is gone, or if its channel has no content. */
function checkAvailable({ erasedAt, content, channel }: SentMessageRow) {
  if (erasedAt !== null)
    throw new Problem(
      "gone",
      "The recipient was erased, and with them the data of the message. The attempts and the reason are still in the delivery.",
    );
  if (content === null)
    throw new Problem(
      "gone",
      "The content of the notification was removed, because one of its recipients was erased or its retention ended.",
    );
  if (!isContentChannel(channel))
    throw new Problem("conflict", `Messages on the channel ${channel} are not rendered.`);
  return { content, channel };
}

const isContentChannel = (channel: string): channel is ContentChannel =>
  (contentChannels as readonly string[]).includes(channel);
