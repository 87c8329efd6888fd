import { z } from "zod";
import { emailIdentityParts } from "../email-identity.ts";
import { text } from "../text.ts";

/** The longest subject and title, as templates and rendered, in UTF-16 units. */
export const subjectLimit = 998;
/** The longest body, as a template, in UTF-16 units. */
export const bodyLimit = 524_288;
const urlTemplateLimit = 4_000;
const buttonLimit = 4;

export const title = text(subjectLimit).meta({ description: "Liquid; becomes one line" });
export const body = text(bodyLimit).meta({
  description: "Liquid; plain text, which is not escaped",
});
export const url = text(urlTemplateLimit).meta({
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

export const email = z.strictObject({ ...emailTexts, ...emailIdentityParts });
export const push = z.strictObject(pushParts);
export const inApp = z.strictObject(inAppParts);

export type EmailContent = z.output<typeof email>;
export type PushContent = z.output<typeof push>;
export type InAppContent = z.output<typeof inApp>;

/** Channels that templates have content for. */
export const contentChannels = ["email", "push", "in_app"] as const;
export type ContentChannel = (typeof contentChannels)[number];

export const contentParts = z.strictObject({
  email: z.strictObject(emailTexts).partial().optional(),
  push: push.partial().optional(),
  in_app: inApp.partial().optional(),
});

/** The content of a locale: any fields of any channel. */
export type ContentParts = z.output<typeof contentParts>;

/** Content with the parts of each locale, by language tag. */
export interface LocalizedContent {
  email?: EmailContent | undefined;
  push?: PushContent | undefined;
  in_app?: InAppContent | undefined;
  locales?: Record<string, ContentParts> | undefined;
}
