import { z } from "zod";
import { localeTag } from "../recipient.ts";
import {
  type ContentChannel,
  contentChannels,
  contentParts,
  email,
  inApp,
  push,
} from "./content-parts.ts";
import { localizeContent } from "./locales.ts";

const localeLimit = 100;
/** The longest content with all its locales, in characters of its JSON. */
const contentLimit = 4_000_000;

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
