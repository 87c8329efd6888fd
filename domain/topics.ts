import { z } from "zod";
import { resourceKey } from "./key.ts";
import { templateKey } from "./notification.ts";
import { localeTag } from "./recipient.ts";
import { fallbacks } from "./templates/locales.ts";
import { nameText, text } from "./text.ts";

export const topicKey = resourceKey.meta({ example: "newsletter" });

/** Whether a subscription holds at once, or after its recipient has confirmed it by a link that was sent to them. */
export const optIns = ["single", "double"] as const;

export const subscriptionStatuses = ["pending", "subscribed", "unsubscribed"] as const;
export type SubscriptionStatus = (typeof subscriptionStatuses)[number];

/** The steps of consent. `requested`: a message that asks for confirmation was sent. `subscribed`: at once, without a confirmation. */
export const consentSteps = [
  "requested",
  "confirmed",
  "subscribed",
  "imported",
  "unsubscribed",
] as const;
export type ConsentStep = (typeof consentSteps)[number];

/** By what a subscription was changed: the sign-up form, a key, an import, the recipient's own link or token, or the console. */
export const consentWays = ["form", "api", "import", "recipient", "operator"] as const;
export type ConsentWay = (typeof consentWays)[number];

/** The version of the texts of the form and of the page to confirm. It changes with them, as a test demands, so that consent names what was shown. */
export const consentTextVersion = "1";

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

/** A subscription as far as changes of it depend on it; null if there is none. */
export interface CurrentSubscription {
  status: SubscriptionStatus;
  changedBy: ConsentWay;
  requestedAt: Date | null;
}

/**
 * Decides what a request to subscribe somebody does. Who unsubscribed by themselves is subscribed again by themselves only, so that they are
 * asked for confirmation even if the topic needs none.
 */
export function planSubscribing(
  current: CurrentSubscription | null,
  { isConfirmed, way }: { isConfirmed: boolean; way: ConsentWay },
): "none" | "subscribe" | "request" {
  if (current?.status === "subscribed") return "none";
  const hasLeft = current?.status === "unsubscribed" && current.changedBy === "recipient";
  if (!isConfirmed || (hasLeft && way !== "recipient")) return "request";
  return "subscribe";
}

/** Decides whether an imported consent counts: not against somebody who has unsubscribed, in whichever way. */
export const isImportable = (current: CurrentSubscription | null): boolean =>
  current === null || current.status === "pending";

/**
 * Decides what a link to confirm does that was made at `madeAt`: `confirm` subscribes, `done` was confirmed before, and `void` does nothing, because the
 * recipient has unsubscribed since, or their request was given up.
 */
export function planConfirming(
  current: CurrentSubscription | null,
  madeAt: Date,
): "confirm" | "done" | "void" {
  if (current === null || current.status === "unsubscribed") return "void";
  if (current.status === "subscribed") return "done";
  return current.requestedAt !== null && madeAt >= current.requestedAt ? "confirm" : "void";
}

/** Removes what may identify somebody from where consent was given: the query and the fragment of an address. */
export const cutSource = (source: string): string => source.replace(/[?#].*$/s, "");

/** Where consent was given, in a request. */
export const consentSource = text(500).transform(cutSource).meta({
  description:
    "The page or the occasion of the consent, as evidence. Of an address, query and fragment are not stored",
  example: "https://www.example.org/shop/checkout",
});
