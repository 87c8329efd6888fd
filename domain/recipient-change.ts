import { isDeepStrictEqual } from "node:util";
import { addressKey } from "./address.ts";
import { mergePatch, withoutEmpty } from "./merge-patch.ts";
import { type Preferences, preferences } from "./policy/preferences.ts";
import {
  findExcess,
  type ImportedPatch,
  type ImportedRecipient,
  type RecipientPatch,
  type RecipientProfile,
} from "./recipient.ts";

/** The stored fields of a recipient, without the external id. */
export interface RecipientState extends RecipientProfile {
  /** Null where none were ever set. */
  preferences: Preferences | null;
}

/** Whether two states are the same. Preferences that were never set equal empty preferences. */
export const isSameState = (a: RecipientState, b: RecipientState): boolean =>
  a.email === b.email &&
  a.phone === b.phone &&
  a.timeZone === b.timeZone &&
  a.locale === b.locale &&
  isDeepStrictEqual(a.attributes, b.attributes) &&
  statesSamePreferences(a, b);

/**
 * Whether a recipient no longer has the mailbox of their email address, so that the links in it are revoked: somebody else may read it. Another spelling
 * is the same mailbox.
 */
export const leavesMailbox = (
  before: Pick<RecipientProfile, "email">,
  after: Pick<RecipientProfile, "email">,
): boolean =>
  before.email !== null &&
  before.email !== after.email &&
  (after.email === null || addressKey(before.email) !== addressKey(after.email));

/** Whether two states have the same preferences. Preferences that were never set equal empty preferences. */
export const statesSamePreferences = (
  a: RecipientState | null,
  b: RecipientState | null,
): boolean =>
  a?.preferences === b?.preferences ||
  isDeepStrictEqual(a?.preferences ?? {}, b?.preferences ?? {});

/** A fault of the recipient that a change would produce, with the path of the field. */
export interface ChangeFault {
  path: (string | number)[];
  message: string;
}

/** The state of a recipient after a change, or why the change is refused. */
type Changed = { state: RecipientState } | { faults: ChangeFault[] };

/** A change of the recipient with an external id; `before` is null where the recipient does not exist yet. */
export interface RecipientChange {
  externalId: string;
  apply: (before: RecipientState | null) => Changed;
}

/** Replaces the recipient. Preferences that are left out keep their value. */
export function replaceRecipient({
  externalId,
  preferences: statedPreferences,
  ...profile
}: ImportedRecipient): RecipientChange {
  return {
    externalId,
    apply: (before) => ({
      state: { ...profile, preferences: statedPreferences ?? before?.preferences ?? null },
    }),
  };
}

/**
 * Changes the given fields and keeps the rest, as a merge patch (RFC 7396): null resets a field to its default, and removes a key within
 * attributes and preferences.
 */
export function mergeRecipient({ externalId, ...patch }: ImportedPatch): RecipientChange {
  return { externalId, apply: (before) => applyPatch(before, patch) };
}

const defaults: RecipientState = {
  email: null,
  phone: null,
  timeZone: "UTC",
  locale: "en",
  attributes: {},
  preferences: null,
};

/** Applies a patch to a recipient. Fields that it leaves out are kept, even if they were stored before a rule that would refuse them. */
export function applyPatch(
  before: RecipientState | null,
  patch: RecipientPatch & Pick<ImportedPatch, "preferences">,
): Changed {
  const faults: ChangeFault[] = [];
  // The fields of the patch are already checked one by one: only the merged values are checked here.
  const take = <Key extends "email" | "phone" | "timeZone" | "locale">(key: Key) =>
    ((patch[key] === undefined ? before?.[key] : patch[key]) ??
      defaults[key]) as RecipientState[Key];
  const state: RecipientState = {
    email: take("email"),
    phone: take("phone"),
    timeZone: take("timeZone"),
    locale: take("locale"),
    attributes: before?.attributes ?? {},
    preferences: before?.preferences ?? null,
  };
  if (patch.attributes !== undefined) {
    const kept = state.attributes;
    state.attributes =
      patch.attributes === null
        ? {}
        : (mergePatch(kept, patch.attributes) as RecipientProfile["attributes"]);
    // The patch is already checked by itself, and is the whole where nothing was stored before.
    const message = Object.keys(kept).length === 0 ? null : findExcess(state.attributes);
    if (message !== null)
      faults.push({
        path: ["attributes"],
        message: `${message}, together with the stored attributes`,
      });
  }
  if (patch.preferences !== undefined) {
    const merged = preferences.safeParse(
      mergePatch(state.preferences ?? {}, patch.preferences ?? {}),
    );
    if (patch.preferences === null) state.preferences = {};
    else if (merged.success) state.preferences = withoutEmpty(merged.data);
    else
      for (const { path, message } of merged.error.issues)
        faults.push({ path: ["preferences", ...path.map(String)], message });
  }
  return faults.length > 0 ? { faults } : { state };
}
