import { z } from "zod";
import { keptAddress, mailboxFault, parseMailbox } from "./address.ts";
import { idPrefixes, parsePublicId } from "./ids.ts";
import { withoutEmpty } from "./merge-patch.ts";
import { preferences, preferencesPatch } from "./policy/preferences.ts";
import { findUnstorable, nameText, text, trimBlanks } from "./text.ts";
import { isTimeZone, timeZoneFault } from "./time/zone-names.ts";

const publicIdPrefix = `${idPrefixes.recipient}_`;

/**
 * The caller's own id of a recipient. It never looks like a public id, so that callers may use either. It has no space at its edges:
 * nobody would see it, and it would create a second recipient.
 */
export const externalId = nameText(200)
  .refine(
    (value) => !value.startsWith(publicIdPrefix),
    `must not start with ${publicIdPrefix}, the prefix of ids that Tidings assigns`,
  )
  .refine(
    (value) => trimBlanks(value) === value,
    "must not begin or end with a space or an invisible character",
  );

/** Reads a caller's reference to a recipient: a public id, whose UUID is returned as `id`, or else an external id. */
export function recipientReference(reference: string): { externalId: string } | { id: string } {
  const id = reference.startsWith(publicIdPrefix) ? parsePublicId("recipient", reference) : null;
  return id === null ? { externalId: reference } : { id };
}

/** The address of a mailbox, in the form that `keptAddress` returns. */
export const emailAddress = z
  .string()
  .max(254, "must have at most 254 characters")
  .refine((text) => mailboxFault(text) === null, {
    error: ({ input }) => mailboxFault(String(input)) ?? "",
  })
  .overwrite(keptAddress);

/** The address of a mailbox that every server accepts: only its domain may be beyond ASCII. */
export const asciiEmailAddress = emailAddress.refine(
  (address) => parseMailbox(address)?.smtpUtf8 === false,
  "must be ASCII before the @",
);

export const phoneNumber = z
  .string()
  .regex(/^\+[1-9]\d{6,14}$/, "must be a number in E.164 form, such as +4915112345678");

export const timeZone = z.string().refine(isTimeZone, {
  error: ({ input }) => timeZoneFault(String(input)) ?? "",
});

/** A cache of canonical locales: `Intl` takes as long for one as an import does for the rest of a line. */
const knownLocales = new Map<string, string | null>();
const maxKnownLocales = 2_000;

function canonicalLocale(tag: string): string | null {
  if (tag.length > 100) return null;
  const known = knownLocales.get(tag);
  if (known !== undefined) return known;
  let canonical: string | null = null;
  try {
    canonical = Intl.getCanonicalLocales(tag)[0] ?? null;
  } catch {
    // The tag does not conform to BCP 47.
  }
  if (knownLocales.size < maxKnownLocales) knownLocales.set(tag, canonical);
  return canonical;
}

/** A BCP 47 tag, in canonical case. */
export const localeTag = z
  .string()
  .refine((tag) => canonicalLocale(tag) !== null, {
    error: "must be a BCP 47 language tag, such as de-AT",
    abort: true,
  })
  .overwrite((tag) => canonicalLocale(tag) ?? tag);

const maxAttributesLength = 16_384;
const maxAttributesDepth = 8;

/** An error message for attributes that are too long; null where they are not. */
export const findExcess = (attributes: object): string | null =>
  JSON.stringify(attributes).length > maxAttributesLength
    ? `must have at most ${maxAttributesLength} characters as JSON`
    : null;

/** The custom attributes of a recipient: a bounded JSON object, which audiences may filter on. */
const attributes = z.looseObject({}).superRefine((value, context) => {
  const fault = findUnstorable(value, maxAttributesDepth);
  if (fault) return context.addIssue({ code: "custom", ...fault });
  const message = findExcess(value);
  if (message !== null) context.addIssue({ code: "custom", message });
  for (const key of Object.keys(value)) {
    if (key.length < 1 || key.length > 100)
      context.addIssue({ code: "custom", message: "must have keys of 1 to 100 characters" });
  }
});

/** The fields of a recipient, without the external id and the preferences. A field that is left out takes its default. */
export const recipientProfile = z.strictObject({
  email: emailAddress.nullable().default(null),
  phone: phoneNumber.nullable().default(null),
  timeZone: timeZone.default("UTC"),
  locale: localeTag.default("en"),
  attributes: attributes.default({}),
});

export type RecipientProfile = z.output<typeof recipientProfile>;

/** A line of an import that replaces recipients. Preferences that are left out keep their value. */
export const importedRecipient = recipientProfile.extend({
  externalId,
  preferences: preferences.transform(withoutEmpty).optional(),
});

export type ImportedRecipient = z.output<typeof importedRecipient>;

/** A merge patch of a recipient's profile; null resets a field to its default. */
export const recipientPatch = z.strictObject({
  email: emailAddress.nullable().optional(),
  phone: phoneNumber.nullable().optional(),
  timeZone: timeZone.nullable().optional(),
  locale: localeTag.nullable().optional(),
  attributes: attributes.nullable().optional(),
});

export type RecipientPatch = z.output<typeof recipientPatch>;

/** A recipient within a notification, who is created or changed with it: a merge patch of a profile, and the id of its recipient. */
export const inlineRecipient = z.union([
  recipientPatch.extend({ externalId }),
  recipientPatch.extend({
    id: text(100).refine(
      (id) => parsePublicId("recipient", id) !== null,
      "must be the id of a recipient, rcp_…",
    ),
  }),
]);

export type InlineRecipient = z.output<typeof inlineRecipient>;

/** A line of an import that merges: a merge patch of a recipient's profile and preferences. */
export const importedPatch = recipientPatch.extend({
  externalId,
  preferences: preferencesPatch.nullable().optional(),
});

export type ImportedPatch = z.output<typeof importedPatch>;
