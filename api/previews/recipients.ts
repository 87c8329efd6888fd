import type { Pool } from "pg";
import type { RecipientFacts } from "../../domain/filter.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { type NewNotification, referenceOf } from "../../domain/notification.ts";
import { noGrants } from "../../domain/policy/limits.ts";
import { type InlineRecipient, recipientReference } from "../../domain/recipient.ts";
import { applyPatch, type ChangeFault } from "../../domain/recipient-change.ts";
import { type RecipientState, readRecipientStates } from "../../ledger/recipient-snapshot.ts";
import { readRoutingFacts } from "../../ledger/routing-facts.ts";
import { executeOn } from "../../ledger/sql.ts";
import { readSuppressions } from "../../ledger/suppressions.ts";
import { type FieldError, jsonPointer } from "../http/problem.ts";

/** A recipient of a previewed message. */
export interface PreviewedRecipient {
  state: RecipientState;
  /** What routing rules depend on; null where it was not read. */
  facts: RecipientFacts | null;
  /** The id as the answer shows it: that of Tidings, or the external id of a recipient who does not exist yet. */
  shownId: string;
  /** Whether the recipient is in the database. */
  exists: boolean;
}

/** The largest number of recipients whose facts are read at once. */
const recipientsAtOnce = 250;

/** Reads recipients by their UUIDs, in pages. Those who do not exist and those who were erased are left out. */
export async function* readRecipients(
  pool: Pool,
  ids: readonly string[],
): AsyncGenerator<PreviewedRecipient[], void> {
  for (const page of inPages(ids)) {
    const states = await readRecipientStates(pool, page);
    yield page.flatMap((id) => {
      const state = states.get(id);
      return !state || state.erased
        ? []
        : [{ state, facts: null, shownId: publicId("recipient", id), exists: true }];
    });
  }
}

/** Divides a list into pages. */
export function* inPages<Item>(items: readonly Item[]): Generator<Item[], void> {
  for (let start = 0; start < items.length; start += recipientsAtOnce)
    yield items.slice(start, start + recipientsAtOnce);
}

/**
 * Finds the recipients whom a notification names, each once, as they would be once it was accepted. Nothing is written: a recipient whom the
 * notification would create exists only in the result. Also returns the errors for which the notification would be refused.
 */
export async function findNamedRecipients(
  pool: Pool,
  named: NewNotification["recipients"],
  now: Date,
): Promise<{ recipients: PreviewedRecipient[]; errors: FieldError[] }> {
  const find = await createFinder(pool, named.map(referenceOf));
  const given = named.flatMap((one) => (typeof one === "string" ? [] : referenceOf(one)));
  const recipients = new Map<string, PreviewedRecipient>();
  const errors: FieldError[] = [];
  const refuse = (path: (string | number)[], message: string) =>
    errors.push({ in: "body", field: jsonPointer(["recipients", ...path]), message });
  for (const [place, one] of named.entries()) {
    const before = find(referenceOf(one));
    if (typeof one === "string") {
      if (before && !recipients.has(before.shownId)) recipients.set(before.shownId, before);
      // The recipient may be one whom the notification creates.
      else if (!before && !given.includes(one)) refuse([place], "names no recipient");
    } else if ("id" in one && !before) refuse([place, "id"], "names no recipient");
    else {
      const changed = change(before, one, now);
      if ("faults" in changed)
        for (const { path, message } of changed.faults) refuse([place, ...path], message);
      else recipients.set(changed.shownId, changed);
    }
  }
  return { recipients: await readSuppressionsOf(pool, [...recipients.values()]), errors };
}

/** Reads the recipients of references. Resolves with a function that returns null for a reference to nobody. */
async function createFinder(
  pool: Pool,
  references: readonly string[],
): Promise<(reference: string) => PreviewedRecipient | null> {
  const externalIds: string[] = [];
  const recipientIds: string[] = [];
  for (const reference of new Set(references)) {
    const named = recipientReference(reference);
    if ("id" in named) recipientIds.push(named.id);
    else externalIds.push(named.externalId);
  }
  const rows = await readRoutingFacts(executeOn(pool), { externalIds, recipientIds });
  const facts = rows.filter((row) => row !== null);
  const states = await readRecipientStates(pool, [...new Set(facts.map(({ id }) => id))]);
  const byId = new Map(facts.map((row) => [row.id, row]));
  const byExternalId = new Map(facts.map((row) => [row.externalId, row]));
  return (reference) => {
    const named = recipientReference(reference);
    const found = "id" in named ? byId.get(named.id) : byExternalId.get(named.externalId);
    const state = found && states.get(found.id);
    return found && state && !state.erased
      ? { state, facts: found, shownId: publicId("recipient", found.id), exists: true }
      : null;
  };
}

/** The recipient as the fields in the notification change or create them. */
function change(
  before: PreviewedRecipient | null,
  given: InlineRecipient,
  now: Date,
): PreviewedRecipient | { faults: ChangeFault[] } {
  const known = before && { ...before.facts!, preferences: before.state.preferences };
  const changed = applyPatch(known, given);
  if ("faults" in changed) return changed;
  const { email, phone, timeZone, locale, attributes } = changed.state;
  const id = before?.state.id ?? newUuid(now);
  const externalId = before?.facts?.externalId ?? referenceOf(given);
  const created = { id, createdAt: now, updatedAt: now };
  return {
    state: { ...(before?.state ?? { ...nobody, ...created }), email, phone, timeZone },
    facts: {
      ...(before?.facts ?? created),
      externalId,
      email,
      phone,
      timeZone,
      locale,
      attributes,
    },
    shownId: before?.shownId ?? externalId,
    exists: before !== null,
  };
}

/** The parts of a recipient who does not exist yet, for whom nothing is known. */
const nobody = {
  erased: false,
  erasedAt: null,
  suppression: null,
  suppressedAt: null,
  addressChannels: [],
  preferences: null,
  preferencesVersion: 0,
  engagedHours: [],
  grants: noGrants,
} as const satisfies Partial<RecipientState>;

/** Reads again whether the email addresses are suppressed, because the notification may change them. */
async function readSuppressionsOf(
  pool: Pool,
  recipients: readonly PreviewedRecipient[],
): Promise<PreviewedRecipient[]> {
  const addressOf = ({ state }: PreviewedRecipient) =>
    ({ channel: "email", address: state.email }) as const;
  const find = await readSuppressions(pool, recipients.map(addressOf));
  return recipients.map((recipient) => {
    const found = find(addressOf(recipient));
    return {
      ...recipient,
      state: {
        ...recipient.state,
        suppression: found?.reason ?? null,
        suppressedAt: found?.since ?? null,
      },
    };
  });
}
