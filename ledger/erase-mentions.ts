import { publicId } from "../domain/ids.ts";
import {
  asInJson,
  type AttributeMark,
  createRedactor,
  type PersonalMarks,
  type Redactor,
  searchTexts,
  textOf,
} from "../domain/personal-marks.ts";
import { LedgerBusy } from "./contention.ts";
import { defineStatement, type Execute } from "./sql.ts";
import { containingPattern } from "./sql-like.ts";

/*
 * Erases mentions of a person in filters, in texts of operators, in stored answers and in the audit trail. Identifiers of the person are always
 * removed. The text of an attribute is removed only where nobody else has the same value. It stays in filters and data that are still in use,
 * because they decide who receives what; an operator has to change them.
 */

/** A person whose mentions are searched. `id` is the UUID. */
export interface NamedPerson {
  id: string;
  marks: PersonalMarks;
}

/** The resources that name a person: segments and routing rules by their keys, and campaigns by their public ids. */
export interface NamingResources {
  segments: string[];
  campaigns: string[];
  routingRules: string[];
}

/** A search for a person in many rows. Whether anybody else has the same value of an attribute is looked up once for each value. */
export interface Search {
  patterns: readonly string[];
  /** Removes identifiers: addresses, telephone numbers and external ids. */
  sure: Redactor;
  /** Creates a redactor that also removes the values of attributes in `of` that nobody else has. */
  whole(of: unknown): Promise<Redactor>;
}

/** The SQL condition that a text contains one of the patterns. `text` is SQL. */
export const mentions = (text: string) =>
  `lower(${text}) LIKE ANY (ARRAY(SELECT lower(p) FROM unnest(:patterns::text[]) AS p))`;

const uniqueStatement = defineStatement<
  { id: string; objects: readonly string[] },
  { place: number }
>(
  `SELECT o.place::int - 1 AS place FROM unnest(:objects::text[]) WITH ORDINALITY AS o(object, place)
   WHERE NOT EXISTS (SELECT FROM recipients r WHERE r.erased_at IS NULL AND r.id <> :id::uuid AND r.attributes @> o.object::jsonb)`,
);

export function createSearch(execute: Execute, { id, marks }: NamedPerson): Search {
  const known = new Map<AttributeMark, boolean>();

  async function uniqueIn(of: unknown): Promise<(string | number)[]> {
    const text = JSON.stringify(of);
    const found = marks.attributes.filter((mark) => text.includes(asInJson(textOf(mark))));
    const unknown = found.filter((mark) => !known.has(mark));
    if (unknown.length > 0) {
      const objects = unknown.map(({ within }) => JSON.stringify(within));
      const unique = new Set(
        (await execute(uniqueStatement, { id, objects })).map(({ place }) => place),
      );
      for (const [place, mark] of unknown.entries()) known.set(mark, unique.has(place));
    }
    return found.filter((mark) => known.get(mark)).map(({ value }) => value);
  }

  return {
    patterns: searchTexts(marks).map(containingPattern),
    sure: createRedactor(marks),
    whole: async (of) => createRedactor(marks, await uniqueIn(of)),
  };
}

interface Patterns {
  patterns: readonly string[];
}

const segmentsStatement = defineStatement<
  Patterns,
  { id: string; key: string; name: string; filter: unknown; version: number }
>(
  `SELECT id, key, name, filter, version FROM segments WHERE ${mentions("concat_ws(' ', key, name, filter::text)")} ORDER BY id`,
);

const changeSegmentStatement = defineStatement<
  { id: string; version: number; name: string; filter: string; now: Date },
  { id: string }
>(
  `UPDATE segments SET name = :name::text, filter = :filter::text::jsonb, version = version + 1, updated_at = :now::timestamptz
   WHERE id = :id::uuid AND version = :version::int RETURNING id`,
);

const campaignsStatement = defineStatement<
  Patterns,
  {
    id: string;
    name: string;
    audience: unknown;
    data: unknown;
    version: number;
    finished: boolean;
    revisions: unknown[];
  }
>(
  `SELECT c.id, c.name, c.audience, c.data, c.version, c.finished_at IS NOT NULL AS finished, r.revisions
   FROM campaigns c CROSS JOIN LATERAL (
     SELECT coalesce(jsonb_agg(data ORDER BY revision), '[]') AS revisions FROM campaign_revisions WHERE campaign_id = c.id
   ) AS r
   WHERE ${mentions("concat_ws(' ', c.name, c.audience::text, c.data::text, r.revisions::text)")} ORDER BY c.id`,
);

const changeCampaignStatement = defineStatement<
  { id: string; version: number; name: string; audience: string; data: string; now: Date },
  { id: string }
>(
  `UPDATE campaigns SET name = :name::text, audience = :audience::text::jsonb, data = :data::text::jsonb, version = version + 1,
     updated_at = :now::timestamptz
   WHERE id = :id::uuid AND version = :version::int RETURNING id`,
);

const changeRevisionsStatement = defineStatement<{ id: string; revisions: string }>(
  `UPDATE campaign_revisions AS r SET data = n.data
   FROM (SELECT revision, row_number() OVER (ORDER BY revision) - 1 AS place FROM campaign_revisions WHERE campaign_id = :id::uuid) AS at
   CROSS JOIN LATERAL (SELECT :revisions::text::jsonb -> at.place::int AS data) AS n
   WHERE r.campaign_id = :id::uuid AND r.revision = at.revision`,
);

/**
 * Erases a person from the filters and names of segments and campaigns, and from the data of campaigns that are over; the data of the others is
 * still sent. Resolves with all resources that name or named the person. Call this before the recipient is locked: campaigns are locked
 * before recipients.
 * @throws LedgerBusy where one of them is changed at the same time
 */
export async function eraseFromFilters(
  execute: Execute,
  search: Search,
  now: Date,
): Promise<Omit<NamingResources, "routingRules">> {
  const { patterns, sure } = search;
  const naming = { segments: [] as string[], campaigns: [] as string[] };
  for (const campaign of await execute(campaignsStatement, { patterns })) {
    const { id, version, finished, revisions } = campaign;
    const texts = { name: campaign.name, audience: campaign.audience, data: campaign.data };
    const whole = await search.whole([texts, revisions]);
    if (whole.json(texts) === texts && whole.json(revisions) === revisions) continue;
    naming.campaigns.push(publicId("campaign", id));
    const left = finished
      ? whole.json(texts)
      : { ...sure.json({ name: texts.name, audience: texts.audience }), data: texts.data };
    if (left !== texts) {
      const written = {
        name: left.name,
        audience: JSON.stringify(left.audience),
        data: JSON.stringify(left.data),
      };
      if ((await execute(changeCampaignStatement, { id, version, now, ...written })).length === 0)
        throw new LedgerBusy("another transaction is changing a campaign");
    }
    const earlier = whole.json(revisions);
    if (earlier !== revisions)
      await execute(changeRevisionsStatement, { id, revisions: JSON.stringify(earlier) });
  }
  for (const segment of await execute(segmentsStatement, { patterns })) {
    const { id, key, version } = segment;
    const texts = { name: segment.name, filter: segment.filter };
    const left = sure.json(texts);
    const all = { key, ...texts };
    if ((await search.whole(all)).json(all) === all) continue;
    naming.segments.push(key);
    if (left === texts) continue;
    const written = { name: left.name, filter: JSON.stringify(left.filter) };
    if ((await execute(changeSegmentStatement, { id, version, now, ...written })).length === 0)
      throw new LedgerBusy("another transaction is changing a segment");
  }
  return naming;
}

/** The condition of the partial index `audit_entries_about_others`: the entry is not about a recipient. */
const aboutOthers = String.raw`resource NOT LIKE 'rcp\_%'`;

const pageRows = 500;

const entriesStatement = defineStatement<
  Patterns & { after: string },
  { id: string; requestId: string; before: unknown; after: unknown }
>(
  `SELECT id, request_id AS "requestId", before, after FROM audit_entries
   WHERE ${aboutOthers} AND id > :after::uuid AND ${mentions("concat_ws(' ', request_id, before::text, after::text)")}
   ORDER BY id LIMIT ${pageRows}`,
);

const changeEntriesStatement = defineStatement<{ entries: string }>(
  `UPDATE audit_entries AS a SET request_id = n."requestId", before = n.before, after = n.after
   FROM jsonb_to_recordset(:entries::text::jsonb) AS n(id uuid, "requestId" text, before jsonb, after jsonb) WHERE a.id = n.id`,
);

const ownEntriesStatement = defineStatement<Patterns & { resource: string }>(
  `UPDATE audit_entries SET before = NULL, after = NULL,
     request_id = CASE WHEN ${mentions("request_id")} THEN 'erased' ELSE request_id END
   WHERE resource = :resource::text`,
);

const suppressionEntriesStatement = defineStatement<{ addresses: readonly string[] }>(
  `UPDATE audit_entries SET before = NULL, after = NULL
   WHERE ${aboutOthers} AND action LIKE 'suppression.%' AND coalesce(after, before) ->> 'address' = ANY(:addresses::text[])`,
);

/**
 * Erases a person from the audit trail: empties the entries about them and about suppressions of their addresses, and redacts the others.
 */
export async function eraseFromAudit(
  execute: Execute,
  search: Search,
  { resource, addresses }: { resource: string; addresses: readonly string[] },
): Promise<void> {
  const { patterns } = search;
  await execute(ownEntriesStatement, { resource, patterns });
  await execute(suppressionEntriesStatement, { addresses });
  let after = "00000000-0000-0000-0000-000000000000";
  for (;;) {
    const page = await execute(entriesStatement, { patterns, after });
    const changed: object[] = [];
    for (const entry of page) {
      const left = (await search.whole(entry)).json(entry);
      if (left !== entry) changed.push(left);
    }
    if (changed.length > 0)
      await execute(changeEntriesStatement, { entries: JSON.stringify(changed) });
    if (page.length < pageRows) return;
    after = page.at(-1)!.id;
  }
}

/** Answers with status 202 contain only ids; `idempotency_keys_answers` is an index of the others. */
const answersStatement = defineStatement<Patterns, { scope: string; key: string; text: string }>(
  `SELECT scope, key, body #>> '{}' AS text FROM idempotency_keys WHERE status <> 202 AND ${mentions("body #>> '{}'")}`,
);

const changeAnswersStatement = defineStatement<{ answers: string }>(
  `UPDATE idempotency_keys AS k SET body = to_jsonb(n.text)
   FROM jsonb_to_recordset(:answers::text::jsonb) AS n(scope text, key text, text text) WHERE k.scope = n.scope AND k.key = n.key`,
);

/** Erases a person from the answers that are stored under idempotency keys. */
export async function eraseFromAnswers(execute: Execute, search: Search): Promise<void> {
  const changed: object[] = [];
  for (const { text, ...key } of await execute(answersStatement, search)) {
    const answer: unknown = JSON.parse(text);
    const left = (await search.whole(answer)).json(answer);
    if (left !== answer) changed.push({ ...key, text: JSON.stringify(left) });
  }
  if (changed.length > 0)
    await execute(changeAnswersStatement, { answers: JSON.stringify(changed) });
}

const namedBeforeStatement = defineStatement<
  { resource: string },
  { naming: Partial<NamingResources> | null }
>(
  `SELECT after AS naming FROM audit_entries WHERE resource = :resource::text AND action = 'recipient.erase' ORDER BY id DESC LIMIT 1`,
);

const forgetEntriesStatement = defineStatement<{ resources: readonly string[] }>(
  `UPDATE audit_entries SET before = NULL, after = NULL
   WHERE resource = ANY(:resources::text[]) AND (action LIKE 'segment.%' OR action LIKE 'campaign.%' OR action LIKE 'routing-rule.%')`,
);

const forgetRevisionsStatement = defineStatement<{ ids: readonly string[] }>(
  "UPDATE campaign_revisions SET data = '{}' WHERE campaign_id = ANY(:ids::uuid[])",
);

/**
 * For a person who was erased before: empties the audit entries of the segments, campaigns and routing rules that named them and that an
 * operator has changed since, and the earlier revisions of these campaigns. Resolves with the resources.
 * @param campaignIdOf returns the UUID in a public id
 */
export async function forgetCorrected(
  execute: Execute,
  resource: string,
  campaignIdOf: (id: string) => string | null,
): Promise<NamingResources> {
  const [entry] = await execute(namedBeforeStatement, { resource });
  const { segments = [], campaigns = [], routingRules = [] } = entry?.naming ?? {};
  const resources = [...segments, ...campaigns, ...routingRules];
  if (resources.length > 0) {
    await execute(forgetEntriesStatement, { resources });
    await execute(forgetRevisionsStatement, {
      ids: campaigns.flatMap((id) => campaignIdOf(id) ?? []),
    });
  }
  return { segments, campaigns, routingRules };
}
