import { z } from "zod";
import { keptAddress, mailboxFault } from "./address.ts";
import { idPrefixes, parsePublicId } from "./ids.ts";
import { withoutEmpty } from "./merge-patch.ts";
import { preferences, preferencesPatch } from "./policy/preferences.ts";
import { findUnstorable, nameText, trimBlanks } from "./text.ts";
import { isTimeZone, timeZoneFault } from "./time/zone-names.ts";

const publicIdPrefix = `${idPrefixes.recipient}_`;

/**
 * The caller's own name for a recipient. Never looks like one of our ids, so that either may stand for the recipient, and has no blank
 * at its edges, which nobody sees and which would make a second person.
 */
export const externalId = nameText(200)
  .refine(
    (value) => !value.startsWith(publicIdPrefix),
    `must not start with ${publicIdPrefix}, which marks ids that Tidings gave`,
  )
  .refine(
    (value) => trimBlanks(value) === value,
    "must not begin or end with a blank, or with what shows nothing",
  );

/** What a caller names a recipient by: an external id, or the public id as its UUID. A malformed public id is nobody's. */
export function recipientReference(reference: string): { externalId: string } | { id: string } {
  const id = reference.startsWith(publicIdPrefix) ? parsePublicId("recipient", reference) : null;
  return id === null ? { externalId: reference } : { id };
}

/** An address of a mailbox, which comes out as `keptAddress` has it and is else as it was given. */
export const emailAddress = z
  .string()
  .max(254, "must have at most 254 characters")
  .refine((text) => mailboxFault(text) === null, {
    error: ({ input }) => mailboxFault(String(input)) ?? "",
  })
  .overwrite(keptAddress);

export const phoneNumber = z
  .string()
  .regex(/^\+[1-9]\d{6,14}$/, "must be a number in E.164 form, such as +4915112345678");

const timeZone = z.string().refine(isTimeZone, {
  error: ({ input }) => timeZoneFault(String(input)) ?? "",
});

/** Tags that were asked for of late and their canonical form: `Intl` takes as long as the rest of a line of an import. */
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
    // Not one of BCP 47.
  }
  if (knownLocales.size < maxKnownLocales) knownLocales.set(tag, canonical);
  return canonical;
}

/** A BCP 47 tag, in canonical case. */
const locale = z
  .string()
  .refine((tag) => canonicalLocale(tag) !== null, {
    error: "must be a BCP 47 language tag, such as de-AT",
    abort: true,
  })
  .overwrite((tag) => canonicalLocale(tag) ?? tag);

const maxAttributesLength = 16_384;
const maxAttributesDepth = 8;

/** What is wrong with attributes that are too long; null where they are not. */
export const findExcess = (attributes: object): string | null =>
  JSON.stringify(attributes).length > maxAttributesLength
    ? `must have at most ${maxAttributesLength} characters as JSON`
    : null;

/** What else is known of a recipient: a bounded JSON object, whose top-level keys audiences may ask about. */
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

/** All that is kept of a recipient beside its external id. What is left out takes the value shown here. */
export const recipientProfile = z.strictObject({
  email: emailAddress.nullable().default(null),
  phone: phoneNumber.nullable().default(null),
  timeZone: timeZone.default("UTC"),
  locale: locale.default("en"),
  attributes: attributes.default({}),
});

export type RecipientProfile = z.output<typeof recipientProfile>;

/** A recipient as a whole, as imports that replace bring it; what they wish stays as it is where it is left out. */
export const importedRecipient = recipientProfile.extend({
  externalId,
  preferences: preferences.transform(withoutEmpty).optional(),
});

export type ImportedRecipient = z.output<typeof importedRecipient>;

/** What a recipient is to be changed by: a merge patch of its profile, whose null lets a part take its default again. */
export const recipientPatch = z.strictObject({
  email: emailAddress.nullable().optional(),
  phone: phoneNumber.nullable().optional(),
  timeZone: timeZone.nullable().optional(),
  locale: locale.nullable().optional(),
  attributes: attributes.nullable().optional(),
});

export type RecipientPatch = z.output<typeof recipientPatch>;

/** What imports that merge bring of a recipient: a merge patch of their profile and of what they wish. */
export const importedPatch = recipientPatch.extend({
  externalId,
  preferences: preferencesPatch.nullable().optional(),
});

export type ImportedPatch = z.output<typeof importedPatch>;
