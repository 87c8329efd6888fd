import { z } from "zod";
import { emailIdentityParts } from "../email-identity.ts";
import { localeTag } from "../recipient.ts";
import { text } from "../text.ts";
import { localizeContent } from "./locales.ts";

/** The longest subject and title, as templates and rendered, in UTF-16 units. */
export const subjectLimit = 998;
/** The longest body, as a template, in UTF-16 units. */
export const bodyLimit = 524_288;
const urlTemplateLimit = 4_000;
const buttonLimit = 4;
const localeLimit = 100;
/** The longest content with all its locales, in characters of its JSON. */
const contentLimit = 4_000_000;

const title = text(subjectLimit).meta({ description: "Liquid; becomes one line" });
const body = text(bodyLimit).meta({ description: "Liquid; plain text, which is not escaped" });
const url = text(urlTemplateLimit).meta({
  description: "Liquid; must render to an http or https address, or to nothing",
  example: "https://shop.example.org/orders/{{ orderNumber }}",
});
const label = text(200).meta({ description: "Liquid; becomes one line", example: "Track it" });

const buttons = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z
    .array(z.strictObject({ label, url, ...shape }))
    .max(buttonLimit, `must have at most ${buttonLimit} actions`)
    .meta({
      description: "Buttons. One whose label or address renders to nothing is left out",
    });

const emailTexts = {
  subject: title,
  html: text(bodyLimit).meta({
    description: "Liquid; every output is escaped, unless it ends in `| raw`",
  }),
  text: text(bodyLimit)
    .optional()
    .meta({ description: "Liquid; the text part, which is made from the HTML if left out" }),
};

const pushParts = {
  title,
  body,
  icon: url.optional(),
  image: url.optional(),
  badge: url.optional(),
  url: url.optional(),
  tag: text(200).optional().meta({
    description: "Liquid; a notification replaces an earlier one with the same tag",
    example: "order-{{ orderNumber }}",
  }),
  requireInteraction: z
    .boolean()
    .optional()
    .meta({ description: "Whether the notification stays until the recipient reacts to it" }),
  silent: z
    .boolean()
    .optional()
    .meta({ description: "Whether the notification is shown without sound and vibration" }),
  actions: buttons({ icon: url.optional() }).optional(),
};

const inAppParts = {
  title,
  body,
  url: url.optional(),
  category: text(200).optional().meta({
    description: "Liquid; by which a recipient filters their inbox",
    example: "orders",
  }),
  actions: buttons({}).optional(),
};

const email = z.strictObject({ ...emailTexts, ...emailIdentityParts });
const push = z.strictObject(pushParts);
const inApp = z.strictObject(inAppParts);

export type EmailContent = z.output<typeof email>;
export type PushContent = z.output<typeof push>;
export type InAppContent = z.output<typeof inApp>;

/** Channels that templates have content for. */
export const contentChannels = ["email", "push", "in_app"] as const;
export type ContentChannel = (typeof contentChannels)[number];

const contentParts = z.strictObject({
  email: z.strictObject(emailTexts).partial().optional(),
  push: push.partial().optional(),
  in_app: inApp.partial().optional(),
});

/** The content of a locale: any fields of any channel. */
export type ContentParts = z.output<typeof contentParts>;

const required: Record<ContentChannel, readonly string[]> = {
  email: ["subject", "html"],
  push: ["title", "body"],
  in_app: ["title", "body"],
};

/**
 * The Liquid templates of a message, by channel. The content of a channel that is left out is derived from that of another
 * (`contentFor`). All texts except `email.html` are plain text.
 */
export const templateContent = z
  .strictObject({
    email: email.optional(),
    push: push.optional(),
    in_app: inApp.optional(),
    locales: z
      .record(localeTag, contentParts)
      .refine((locales) => Object.keys(locales).length <= localeLimit, {
        message: `must have at most ${localeLimit} locales`,
      })
      .optional()
      .meta({
        description:
          "Content by language tag. A recipient with the locale de-AT gets each field from de-AT, else from de, else from the default content",
        example: { de: { email: { subject: "Bestellung {{ orderNumber }} ist unterwegs" } } },
      }),
  })
  .superRefine((content, context) => {
    for (const locale of Object.keys(content.locales ?? {})) {
      const localized = localizeContent(content, locale);
      for (const channel of contentChannels)
        for (const field of required[channel])
          if (localized[channel] && !(field in localized[channel]))
            context.addIssue({
              code: "custom",
              path: ["locales", locale, channel, field],
              message: "is required: the default content does not have it",
            });
    }
    if (JSON.stringify(content).length > contentLimit)
      context.addIssue({
        code: "custom",
        message: `must have at most ${contentLimit} characters as JSON`,
      });
  })
  .refine((content) => contentChannels.some((channel) => content[channel] !== undefined), {
    message: `must have at least one of ${contentChannels.join(", ")}`,
  })
  .meta({
    description:
      "The message by channel, at least one. Content that is left out is derived from that of another channel",
  });

export type TemplateContent = z.output<typeof templateContent>;
