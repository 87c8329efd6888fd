import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { publicId } from "../../domain/ids.ts";
import { pushSubscription } from "../../domain/push-subscription.ts";
import { suppressedChannels, suppressionReasons } from "../../domain/suppression.ts";
import { nameText } from "../../domain/text.ts";
import type { AddressRow } from "../../ledger/addresses.ts";
import { exampleIdOf } from "../http/path-ids.ts";

/** The schema of an address in every response. The address itself is write-only, because anybody who has it can send to the device. */
export const addressAnswer = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("address") }),
    channel: z.enum(channels).openapi({ example: "push" }),
    kind: z.string().openapi({
      description: "The form of the address: `web_push` is a subscription of a browser",
      example: "web_push",
    }),
    service: z.string().openapi({
      description: "The host of the push service that delivers to the device",
      example: "updates.push.services.mozilla.com",
    }),
    ending: z.string().nullable().openapi({
      description: "The last four characters of the endpoint. The rest is never shown",
      example: "x9Qz",
    }),
    label: z.string().nullable().openapi({ example: "Firefox on the laptop" }),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().openapi({
      description: "When it was last registered, or last accepted a message",
    }),
    expiresAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When the push service ends the subscription; null if unknown" }),
    disabledAt: z.iso.datetime().nullable().openapi({
      description:
        "Since when nothing is sent to it. It is used again once the browser registers it again",
      example: null,
    }),
    disabledReason: z.string().nullable().openapi({
      description:
        "Why it was disabled: `gone` if the push service said that the subscription does not exist any more",
      example: null,
    }),
  })
  .openapi("Address");

export function addressJson(row: AddressRow): z.output<typeof addressAnswer> {
  const { id, channel, kind, service, ending, label } = row;
  return {
    id: publicId("address", id),
    channel,
    kind,
    service,
    ending,
    label,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    disabledAt: row.disabledAt?.toISOString() ?? null,
    disabledReason: row.disabledReason,
  };
}

/** An email address or a phone number, which are fields of the recipient, and whether messages may be sent to it. */
export const contactAnswer = z.object({
  channel: z.enum(suppressedChannels).openapi({ example: "email" }),
  address: z.string().openapi({
    description: "Masked where the addresses of recipients are",
    example: "ada@example.org",
  }),
  suppressed: z
    .object({ reason: z.enum(suppressionReasons), since: z.iso.datetime() })
    .nullable()
    .openapi({
      description: "Why nothing is sent to it; null if it is not suppressed",
      example: null,
    }),
});

/** A subscription of a browser, in the body of a request. */
export const describedSubscription = pushSubscription.meta({
  description: "The subscription, as `PushSubscription.toJSON()` in the browser returns it",
  example: {
    endpoint: "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABexample",
    expirationTime: null,
    keys: {
      p256dh:
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
      auth: "BTBZMqHH6r4Tts7J_aSIgg",
    },
  },
});

export const addressLabel = nameText(100).nullable().default(null).openapi({
  description: "What the recipient calls the device. Null keeps an earlier label",
  example: "Firefox on the laptop",
});
