import { z } from "zod";
import { localeTag } from "../recipient.ts";
import { fallbacks } from "../templates/locales.ts";
import { nameText, text } from "../text.ts";

const maxLocales = 50;

const texts = z.strictObject({
  name: nameText(200).optional().meta({
    description: "What recipients call this kind of message. Left out: the name of the type",
    example: "Deadlines",
  }),
  description: text(500)
    .optional()
    .meta({ description: "When such messages come", example: "A day before a task is due" }),
  group: nameText(100).optional().meta({
    description:
      "The heading under which recipients find the type. Types with the same group stand together",
    example: "Your tasks",
  }),
  mandatoryReason: text(500).optional().meta({
    description: "Why recipients cannot switch the type off, if it is mandatory",
    example: "We have to tell you when somebody signs in.",
  }),
});

/** How recipients see a notification type: its texts, and those of other languages. */
export const publicTexts = texts.extend({
  isListed: z.boolean().optional().meta({
    description: "Whether the preference centre shows the type. Left out: yes",
    example: true,
  }),
  locales: z
    .record(localeTag, texts)
    .refine(
      (locales) => Object.keys(locales).length <= maxLocales,
      `must have at most ${maxLocales} languages`,
    )
    .optional()
    .meta({
      description:
        "The texts in other languages, by language tag. A text that is left out is that of the more general language, and then the one without a language",
      example: { de: { name: "Fristen", group: "Ihre Aufgaben" } },
    }),
});

/** A notification type as one recipient sees it. */
export interface ShownType {
  name: string;
  description: string | null;
  /** Null if it stands under no heading. */
  group: string | null;
  mandatoryReason: string | null;
  isListed: boolean;
}

/** Finds the texts of a type in the language of a recipient. */
export function showType(
  { name, public: given }: { name: string; public: z.output<typeof publicTexts> },
  locale: string,
): ShownType {
  const { locales = {}, isListed = true } = given;
  const tags = fallbacks(locale).filter((tag) => Object.hasOwn(locales, tag));
  const layers = [...tags.map((tag) => locales[tag]!), given];
  const find = (key: keyof z.output<typeof texts>) =>
    layers.find((layer) => layer[key] !== undefined)?.[key] ?? null;
  return {
    name: find("name") ?? name,
    description: find("description"),
    group: find("group"),
    mandatoryReason: find("mandatoryReason"),
    isListed,
  };
}
