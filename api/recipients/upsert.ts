import { newUuid } from "../../domain/ids.ts";
import {
  type ChangeFault,
  isSameState,
  leavesMailbox,
  type RecipientChange,
  type RecipientState,
  statesSamePreferences,
} from "../../domain/recipient-change.ts";
import { defineStatement, type Execute } from "../../ledger/sql.ts";
import { trimPreferenceVersions } from "../../ledger/preference-versions.ts";
import { type RecipientRow, recipientColumns } from "./store.ts";

interface Storing {
  /** The caller, who is the author of the preferences that are given. */
  createdBy: string;
  now: Date;
}

/** The outcome of a change: the recipient before and after it, or the faults for which it was refused. */
export type Stored =
  | {
      status: "created" | "changed" | "unchanged";
      before: RecipientRow | null;
      after: RecipientRow;
    }
  | { status: "refused"; faults: ChangeFault[] };

interface StoredChanges {
  /** The outcome of each change, in their order. */
  results: Stored[];
  /** Ids of recipients whose time zone or preferences have changed, so that their held deliveries must be decided again. */
  unsettled: string[];
}

type KnownRow = RecipientRow & { preferences: unknown; preferencesVersion: number };

/** A recipient as a statement writes them. */
interface Written {
  id: string;
  externalId: string;
  email: string | null;
  phone: string | null;
  timeZone: string;
  locale: string;
  attributes: RecipientState["attributes"];
  preferences: RecipientState["preferences"];
  preferencesVersion: number;
  /** Whether the preferences have changed, which makes a new version of them. */
  restated: boolean;
  /** Whether the links in earlier emails are revoked. */
  leavesMailbox: boolean;
}

/**
 * Applies changes to existing and new recipients; several changes of one recipient are applied one after the other. Existing recipients
 * are read and locked first, and one who stays the same is not written. Rows are locked and written in the order of external ids, so
 * that two callers cannot deadlock. It takes three statements, and two more if somebody else creates one of the recipients at the same
 * time.
 */
export async function storeRecipients(
  execute: Execute,
  changes: readonly RecipientChange[],
  { createdBy, now }: Storing,
): Promise<StoredChanges> {
  const results: Stored[] = [];
  const unsettled: string[] = [];
  let names = [...new Set(changes.map(({ externalId }) => externalId))];
  const places = new Map<string, number[]>(names.map((name) => [name, []]));
  for (const [place, { externalId }] of changes.entries()) places.get(externalId)!.push(place);

  while (names.length > 0) {
    const rows = await execute(lockKnown, { names });
    const known = new Map(rows.map((row) => [row.externalId!, row]));
    const created: Written[] = [];
    const changed: Written[] = [];
    for (const name of names) {
      const before = known.get(name) ?? null;
      const applied = applyAll(changes, places.get(name)!, before, { now, results });
      if (applied === null) continue;
      if (before === null) created.push(applied.written);
      else if (applied.differs) changed.push(applied.written);
      if (applied.unsettles) unsettled.push(applied.written.id);
    }
    const writing = { createdBy, now };
    if (changed.length > 0) {
      await execute(changeKnown, { ...writing, people: JSON.stringify(changed) });
      await trimPreferenceVersions(
        execute,
        changed.filter(({ restated }) => restated),
      );
    }
    const added =
      created.length === 0
        ? []
        : await execute(addUnknown, { ...writing, people: JSON.stringify(created) });
    // Another request has created the missing recipients meanwhile, so the changes are applied to them again.
    const addedNames = new Set(added.map(({ externalId }) => externalId));
    names = created.map(({ externalId }) => externalId).filter((name) => !addedNames.has(name));
  }
  return { results, unsettled };
}

/** Applies all changes of one recipient, and puts the outcome of each into `results`. Returns null if all were refused. */
function applyAll(
  changes: readonly RecipientChange[],
  places: readonly number[],
  known: KnownRow | null,
  { now, results }: { now: Date; results: Stored[] },
): { written: Written; differs: boolean; unsettles: boolean } | null {
  const first = known && stateOf(known);
  let state = first;
  const existing = known && first && rowOf(first, known);
  let row = existing;
  const id = known?.id ?? newUuid(now);
  for (const place of places) {
    const { externalId, apply } = changes[place]!;
    const applied = apply(state);
    if ("faults" in applied) {
      results[place] = { status: "refused", faults: applied.faults };
      continue;
    }
    const same = state !== null && isSameState(state, applied.state);
    const after = same
      ? row!
      : rowOf(applied.state, {
          id,
          externalId,
          addressChannels: known?.addressChannels ?? [],
          createdAt: known?.createdAt ?? now,
          updatedAt: now,
          version: (known?.version ?? 0) + 1,
        });
    results[place] = {
      status: state === null ? "created" : same ? "unchanged" : "changed",
      before: row,
      after,
    };
    state = applied.state;
    row = after;
  }
  if (state === null || row === null) return null;
  const restated = !statesSamePreferences(first, state);
  return {
    written: {
      id,
      externalId: row.externalId!,
      email: state.email,
      phone: state.phone,
      timeZone: state.timeZone,
      locale: state.locale,
      attributes: state.attributes,
      preferences: state.preferences,
      restated,
      leavesMailbox: first !== null && leavesMailbox(first, state),
      preferencesVersion: (known?.preferencesVersion ?? 0) + Number(restated),
    },
    differs: row !== existing && (first === null || !isSameState(first, state)),
    unsettles: first !== null && (restated || first.timeZone !== state.timeZone),
  };
}

const stateOf = (row: KnownRow) => ({
  email: row.email,
  phone: row.phone,
  timeZone: row.timeZone,
  locale: row.locale,
  attributes: row.attributes as RecipientState["attributes"],
  preferences: row.preferences as RecipientState["preferences"],
});

/** Makes the row of a state. Its fields are listed, as in `stateOf`, because rest properties are too slow for each line of an import. */
const rowOf = (
  state: RecipientState,
  row: Pick<
    RecipientRow,
    "id" | "externalId" | "addressChannels" | "createdAt" | "updatedAt" | "version"
  >,
): RecipientRow => ({
  id: row.id,
  externalId: row.externalId,
  email: state.email,
  phone: state.phone,
  timeZone: state.timeZone,
  locale: state.locale,
  attributes: state.attributes as RecipientRow["attributes"],
  addressChannels: row.addressChannels,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  version: row.version,
});

const lockKnown = defineStatement<{ names: readonly string[] }, KnownRow>(
  `SELECT ${recipientColumns}, preferences, preferences_version AS "preferencesVersion" FROM recipients
   WHERE external_id = ANY(:names::text[]) ORDER BY external_id FOR NO KEY UPDATE`,
);

interface Writing extends Storing {
  /** A JSON array of `Written`. */
  people: string;
}

const givenSql = `
  given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(:people::text::jsonb)
      AS n(id uuid, "externalId" text, email text, phone text, "timeZone" text, locale text, attributes jsonb, preferences jsonb,
        "preferencesVersion" int, restated boolean, "leavesMailbox" boolean)
  )`;

const changeKnown = defineStatement<Writing>(`
  WITH ${givenSql},
  changed AS (
    UPDATE recipients AS r SET
      email = n.email, phone = n.phone, time_zone = n."timeZone", locale = n.locale, attributes = n.attributes,
      updated_at = :now::timestamptz, version = r.version + 1,
      preferences = n.preferences, preferences_version = n."preferencesVersion",
      links_epoch = r.links_epoch + n."leavesMailbox"::int
    FROM given AS n WHERE r.id = n.id
    RETURNING r.id, r.preferences, r.preferences_version, n.restated
  )
  INSERT INTO preference_versions (recipient_id, version, document, created_by, created_at)
  SELECT id, preferences_version, preferences, :createdBy::text, :now::timestamptz FROM changed WHERE restated`);

const addUnknown = defineStatement<Writing, { externalId: string }>(`
  WITH ${givenSql},
  added AS (
    INSERT INTO recipients (id, external_id, email, phone, time_zone, locale, attributes, created_at, updated_at, preferences, preferences_version)
    SELECT id, "externalId", email, phone, "timeZone", locale, attributes, :now::timestamptz, :now::timestamptz, preferences, "preferencesVersion"
    FROM given ORDER BY "externalId"
    ON CONFLICT (external_id) DO NOTHING
    RETURNING id, external_id, preferences, preferences_version
  ),
  kept AS (
    INSERT INTO preference_versions (recipient_id, version, document, created_by, created_at)
    SELECT id, preferences_version, preferences, :createdBy::text, :now::timestamptz FROM added WHERE preferences_version > 0
  )
  SELECT external_id AS "externalId" FROM added`);
