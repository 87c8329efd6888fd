import { z } from "zod";
import { optIns } from "./consent.ts";
import { resourceKey } from "./key.ts";
import { templateKey } from "./notification.ts";
import { localeTag } from "./recipient.ts";
import { fallbacks } from "./templates/locales.ts";
import { nameText, text } from "./text.ts";

export const topicKey = resourceKey.meta({ example: "newsletter" });

/** The variable of templates of confirmations with the link that confirms. */
export const confirmLinkVariable = "confirmUrl";

const maxPublicNames = 100;

/** What a topic consists of, without its key. */
export const topicDefinition = z.strictObject({
  name: nameText(200).meta({ description: "What operators call it", example: "Newsletter" }),
  description: text(1_000, 0)
    .default("")
    .meta({ description: "A note for operators", example: "Once a month, by the editors" }),
  publicNames: z
    .record(localeTag, nameText(100))
    .refine(
      (names) => Object.keys(names).length <= maxPublicNames,
      `must have at most ${maxPublicNames} languages`,
    )
    .default({})
    .meta({
      description:
        "What recipients see it as, by language tag. They see `name` where there is none in their language",
      example: { en: "News of the month", de: "Neues im Monat" },
    }),
  optIn: z.enum(optIns).default("double").meta({
    description:
      "`double` asks new subscribers for confirmation by email; `single` takes them at once. The sign-up form always asks",
    example: "double",
  }),
  isPublic: z
    .boolean()
    .default(false)
    .meta({ description: "Whether the sign-up form and the preference centre offer it" }),
  confirmationTemplate: templateKey.nullable().default(null).meta({
    description:
      "The key of the template of the email that asks for confirmation, with the variables `topics`, a list of names, and `confirmUrl`; null for the one that comes with Tidings, in English, German, French and Spanish",
    example: null,
  }),
});

export type TopicDefinition = z.output<typeof topicDefinition>;

/** The name of a topic in the language of a locale, for recipients. */
export function publicNameOf(
  { name, publicNames }: Pick<TopicDefinition, "name" | "publicNames">,
  locale: string,
): string {
  const tag = fallbacks(locale).find((candidate) => Object.hasOwn(publicNames, candidate));
  return tag === undefined ? name : publicNames[tag]!;
}

/** Removes what may identify somebody from where consent was given: the query and the fragment of an address. */
const cutSource = (source: string): string => source.replace(/[?#].*$/s, "");

/** Where consent was given, in a request. */
export const consentSource = text(500).transform(cutSource).meta({
  description:
    "The page or the occasion of the consent, as evidence. Of an address, query and fragment are not stored",
  example: "https://www.example.org/shop/checkout",
});
