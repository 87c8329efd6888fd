import { isDeepStrictEqual } from "node:util";
import type { Context } from "hono";
import { publicId } from "../../domain/ids.ts";
import { mergePatch, patchBetween, withoutEmpty } from "../../domain/merge-patch.ts";
import { preferencesPatch } from "../../domain/policy/preferences.ts";
import { mergeRecipient } from "../../domain/recipient-change.ts";
import { recipientPatch } from "../../domain/recipient.ts";
import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { instantOf, localTimeAt } from "../../domain/time/local-time.ts";
import { forgetEngagedHours } from "../../ledger/recipient-actions.ts";
import { executeIn } from "../../ledger/sql.ts";
import { releaseFor } from "../deliveries/release.ts";
import { changeOf } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { Problem } from "../http/problem.ts";
import { changePreferences, mergePreferences } from "../recipients/preferences.ts";
import { lockRecipient, recipientFacts, refuseAbsent } from "../recipients/store.ts";
import { storeRecipients } from "../recipients/upsert.ts";
import type { Services } from "../services.ts";
import { type Centre, countHeld } from "./centre.ts";
import { fieldSections, type FieldSection, readFields, setAt } from "./fields.ts";
import { type Form, readOne, type ReadForm } from "./form.ts";
import { periodSections, type PeriodSection, readPeriods } from "./periods.ts";
import type { Outcome, SectionName } from "./shown.ts";
import { readTracking } from "./tracking.ts";
import { readTypes } from "./types.ts";
import { fill } from "./words/words.ts";

/** A section whose form changes the preferences document. */
const preferenceSections = [
  "types",
  "pause",
  ...keysOf(periodSections),
  ...keysOf(fieldSections),
  "tracking",
] as const;
type PreferenceSection = (typeof preferenceSections)[number];

function keysOf<Key extends string>(of: Record<Key, unknown>): Key[] {
  return Object.keys(of) as Key[];
}

export const isPreferenceSection = (section: string): section is PreferenceSection =>
  (preferenceSections as readonly string[]).includes(section);

/**
 * Saves the form of a section. A form whose page is older than the stored preferences is not saved, unless it changes nothing; its entries
 * stay. The answer says how many waiting messages are decided again.
 */
export async function savePreferences(
  c: Context<ApiEnv>,
  services: Services,
  { centre, section, form }: { centre: Centre; section: PreferenceSection; form: Form },
): Promise<Outcome> {
  const { words, stated, answer } = centre;
  const { patch, faults } = readSection(section, form, centre);
  const kept = { section, typed: form, isGood: false, undo: null };
  if (faults.size > 0) return { ...kept, message: words.invalid, faults };
  const wanted = withoutEmpty(mergePatch(stated, patch) as object);
  const saved = { section, typed: null, isGood: true, undo: null, faults };
  if (isDeepStrictEqual(wanted, stated)) return { ...saved, message: words.saved };
  const conflict = { ...kept, message: words.conflict, faults };
  // Each press of a button of the pause means what it says, whatever was changed elsewhere.
  if (section !== "pause" && readOne(form, "version") !== String(answer.version)) return conflict;
  try {
    await changePreferences(c, services, { id: centre.recipient.id }, (current) => {
      if (!isDeepStrictEqual(current, stated)) throw new Problem("changed", words.conflict);
      return mergePreferences(patch)(current);
    });
  } catch (error) {
    if (error instanceof Problem && error.kind === "changed") return conflict;
    throw error;
  }
  const isUndone = readOne(form, "undo") !== undefined;
  return {
    ...saved,
    message: savedText(centre),
    undo: isUndone || section === "pause" ? null : patchBetween(wanted, stated),
  };
}

function savedText(centre: Centre): string {
  const { words } = centre;
  const count = countHeld(centre);
  if (count === 0) return words.saved;
  return count === 1 ? words.savedOne : fill(words.savedMany, { count });
}

/** Reads what the form of a section changes: the values in it, those that are left to the organisation again, or a change to take back. */
function readSection(section: PreferenceSection, form: Form, centre: Centre): ReadForm {
  const undo = readOne(form, "undo");
  if (undo !== undefined) return { patch: readUndo(undo), faults: new Map() };
  if (section === "pause") return { patch: readPause(form, centre), faults: new Map() };
  if (section === "tracking") return { patch: readTracking(form, centre), faults: new Map() };
  const read =
    section === "types"
      ? readTypes(form, centre)
      : section in periodSections
        ? readPeriods(section as PeriodSection, form, centre)
        : readFields(section as FieldSection, form, centre);
  const reset = readOne(form, "reset");
  if (reset === undefined) return read;
  // The keys of types contain dots.
  const patch = { ...read.patch };
  if (reset.startsWith("types/"))
    patch["types"] = { ...(patch["types"] as object), [reset.slice("types/".length)]: null };
  else if (resettable(section).includes(reset)) setAt(patch, reset, null);
  return { ...read, patch };
}

const resettable = (section: PreferenceSection): string[] => {
  if (section === "quiet" || section === "dnd") {
    const { path, enabled } = periodSections[section];
    return [path, enabled];
  }
  return section in fieldSections
    ? fieldSections[section as FieldSection].map(({ path }) => path)
    : [];
};

/** The page writes what takes a change back into itself, so that anything may come back. */
function readUndo(text: string): Record<string, unknown> {
  try {
    return preferencesPatch.parse(JSON.parse(text));
  } catch {
    throw new Problem("invalid", "This change cannot be undone.");
  }
}

function readPause(form: Form, { recipient: { timeZone }, now }: Centre): Record<string, unknown> {
  const until = (at: number) => ({ pausedUntil: new Date(at).toISOString() });
  switch (readOne(form, "pause") ?? "") {
    case "hour":
      return until(now + hourMs);
    case "tomorrow":
      return until(instantOf(timeZone, localTimeAt(timeZone, now).day + 1, 8 * 60));
    case "week":
      return until(now + 7 * dayMs);
    case "month":
      return until(now + 30 * dayMs);
    case "end":
      return { pausedUntil: null };
    default:
      return {};
  }
}

/** Saves the time zone and the language of a recipient. What waits for a local time is decided again. */
export async function savePlace(
  c: Context<ApiEnv>,
  services: Services,
  centre: Centre,
  form: Form,
): Promise<Outcome> {
  const { recipient, words } = centre;
  const section: SectionName = "place";
  const given = recipientPatch.pick({ timeZone: true, locale: true }).safeParse({
    timeZone: readOne(form, "timeZone") ?? "",
    locale: readOne(form, "locale") ?? "",
  });
  if (!given.success) {
    const faults = new Map(
      given.error.issues.map(({ path }) => [String(path[0]), words.wrongChoice] as const),
    );
    return { section, typed: form, isGood: false, undo: null, message: words.invalid, faults };
  }
  await withAuditedTransaction(c, services, async (tx) => {
    const execute = executeIn(tx);
    // While the row is locked, the recipient cannot be erased, and then be created again.
    const locked = await lockRecipient(tx, { id: recipient.id });
    refuseAbsent(locked);
    const { externalId } = locked;
    const {
      results: [stored],
      unsettled,
    } = await storeRecipients(
      execute,
      [mergeRecipient({ externalId: externalId!, ...given.data })],
      { createdBy: c.get("caller").id, now: services.clock() },
    );
    if (stored?.status !== "changed") return { body: null, changes: [] };
    const [before, after] = [recipientFacts(stored.before!), recipientFacts(stored.after)];
    return {
      body: null,
      changes: [changeOf("recipient.update", after.id, before, after)],
      committed: await releaseFor(c, services, execute, unsettled),
    };
  });
  return {
    section,
    typed: null,
    isGood: true,
    undo: null,
    message: given.data.timeZone === recipient.timeZone ? words.saved : savedText(centre),
    faults: new Map(),
  };
}

/** Forgets at which hours a recipient has opened links. */
export async function forgetLearnt(
  c: Context<ApiEnv>,
  services: Services,
  { recipient, words }: Centre,
): Promise<Outcome> {
  await withAuditedTransaction(c, services, async (tx) => {
    const isForgotten = await forgetEngagedHours(executeIn(tx), recipient.id);
    const change = {
      action: "recipient.forget_hours",
      resource: publicId("recipient", recipient.id),
    };
    return {
      body: null,
      changes: isForgotten ? [change] : [],
      committed: await releaseFor(c, services, executeIn(tx), [recipient.id]),
    };
  });
  return {
    section: "smart",
    typed: null,
    isGood: true,
    undo: null,
    message: words.saved,
    faults: new Map(),
  };
}
