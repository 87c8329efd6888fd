import type { Search } from "./erase-mentions.ts";
import { mentions } from "./erase-mentions.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** The parts of a routing rule in which operators write about recipients. */
interface RuleTexts {
  name: string;
  when: unknown;
}

const rulesStatement = defineStatement<
  { patterns: readonly string[] },
  {
    id: string;
    key: string;
    version: number;
    document: RuleTexts;
    versions: { version: number; document: RuleTexts }[];
  }
>(
  `SELECT r.id, r.key, r.version, r.document, v.versions
   FROM routing_rules r CROSS JOIN LATERAL (
     SELECT coalesce(jsonb_agg(jsonb_build_object('version', version, 'document', document) ORDER BY version), '[]') AS versions
     FROM routing_rule_versions WHERE rule_id = r.id
   ) AS v
   WHERE ${mentions("concat_ws(' ', r.key, r.document::text, v.versions::text)")} ORDER BY r.id`,
);

const changeRuleStatement = defineStatement<{ id: string; texts: string }>(
  "UPDATE routing_rules SET document = document || :texts::text::jsonb WHERE id = :id::uuid",
);

const changeVersionStatement = defineStatement<{ id: string; version: number; texts: string }>(
  `UPDATE routing_rule_versions SET document = document || :texts::text::jsonb
   WHERE rule_id = :id::uuid AND version = :version::int`,
);

/** No rule is changed while a person is erased from them. */
const lockStatement = defineStatement<object>(
  "LOCK TABLE routing_rules IN SHARE ROW EXCLUSIVE MODE",
);

/**
 * Erases a person from the names and conditions of routing rules, and from their earlier versions. A rule keeps its version, because its
 * conditions hold for the same other people. Resolves with the keys of the rules that name or named the person.
 */
export async function eraseFromRules(execute: Execute, search: Search): Promise<string[]> {
  const { patterns, sure } = search;
  await execute(lockStatement, {});
  const naming: string[] = [];
  for (const { id, key, version, document, versions } of await execute(rulesStatement, {
    patterns,
  })) {
    const textsOf = ({ name, when }: RuleTexts): RuleTexts => ({ name, when });
    const all = { key, texts: [document, ...versions.map((old) => old.document)].map(textsOf) };
    const whole = await search.whole(all);
    if (whole.json(all) === all) continue;
    naming.push(key);
    const current = textsOf(document);
    const left = sure.json(current);
    if (left !== current) await execute(changeRuleStatement, { id, texts: JSON.stringify(left) });
    for (const old of versions) {
      const texts = textsOf(old.document);
      const kept = old.version === version ? sure.json(texts) : whole.json(texts);
      if (kept !== texts)
        await execute(changeVersionStatement, {
          id,
          version: old.version,
          texts: JSON.stringify(kept),
        });
    }
  }
  return naming;
}

const forgetStatement = defineStatement<{ keys: readonly string[]; texts: string }>(
  `UPDATE routing_rule_versions AS v SET document = v.document || :texts::text::jsonb
   FROM routing_rules AS r WHERE r.key = ANY(:keys::text[]) AND v.rule_id = r.id AND v.version < r.version`,
);

/** Empties the names and conditions of the earlier versions of rules. The condition that takes their place holds for nobody. */
export async function forgetEarlierRules(execute: Execute, keys: readonly string[]): Promise<void> {
  const texts = { name: "[erased]", when: { field: "externalId", equals: "[erased]" } };
  if (keys.length > 0) await execute(forgetStatement, { keys, texts: JSON.stringify(texts) });
}
