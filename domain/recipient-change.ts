import { isDeepStrictEqual } from "node:util";
import { mergePatch, withoutEmpty } from "./merge-patch.ts";
import { type Preferences, preferences } from "./policy/preferences.ts";
import {
  findExcess,
  type ImportedPatch,
  type ImportedRecipient,
  type RecipientPatch,
  type RecipientProfile,
} from "./recipient.ts";

/** What is kept of a recipient beside their external id. */
export interface RecipientState extends RecipientProfile {
  /** Null where nothing was ever said. */
  preferences: Preferences | null;
}

/** Whether two are the same; whoever said nothing wishes the same as who said that they wish nothing. */
export const isSameState = (a: RecipientState, b: RecipientState): boolean =>
  a.email === b.email &&
  a.phone === b.phone &&
  a.timeZone === b.timeZone &&
  a.locale === b.locale &&
  isDeepStrictEqual(a.attributes, b.attributes) &&
  statesSamePreferences(a, b);

/** Whether two wish the same. */
export const statesSamePreferences = (
  a: RecipientState | null,
  b: RecipientState | null,
): boolean =>
  a?.preferences === b?.preferences ||
  isDeepStrictEqual(a?.preferences ?? {}, b?.preferences ?? {});

/** What is wrong with a recipient as they would be, and where. */
export interface ChangeFault {
  path: (string | number)[];
  message: string;
}

/** What a change makes of a recipient, or why it must not be made. */
type Changed = { state: RecipientState } | { faults: ChangeFault[] };

/** A change of the recipient of an external id; `before` is null where there is none yet. */
export interface RecipientChange {
  externalId: string;
  apply: (before: RecipientState | null) => Changed;
}

/** Makes the recipient what is given; what they wish stays where it is left out. */
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
 * Changes what is given and keeps the rest, as a merge patch (RFC 7396): null lets a part take its default again, and within attributes
 * and preferences it removes.
 */
export function mergeRecipient({ externalId, ...patch }: ImportedPatch): RecipientChange {
  return { externalId, apply: (before) => applyPatch(before, patch) };
}

const unsaid: RecipientState = {
  email: null,
  phone: null,
  timeZone: "UTC",
  locale: "en",
  attributes: {},
  preferences: null,
};

/** What a patch makes of a recipient. What it leaves out is kept as it is, though it may be from before it would be refused. */
export function applyPatch(
  before: RecipientState | null,
  patch: RecipientPatch & Pick<ImportedPatch, "preferences">,
): Changed {
  const faults: ChangeFault[] = [];
  // The parts of a patch were checked one by one: only what they make together is looked at here.
  const take = <Key extends "email" | "phone" | "timeZone" | "locale">(key: Key) =>
    ((patch[key] === undefined ? before?.[key] : patch[key]) ?? unsaid[key]) as RecipientState[Key];
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
    // What is given was checked by itself, and is no longer where nothing is kept beside it.
    const message = Object.keys(kept).length === 0 ? null : findExcess(state.attributes);
    if (message !== null)
      faults.push({ path: ["attributes"], message: `${message}, with what is kept` });
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
