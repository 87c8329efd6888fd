import type { Pool } from "pg";
import { requiredTypes, type RecipientFilter } from "../../domain/audience.ts";
import { defineStatement, executeOn } from "../../ledger/sql.ts";

/** A hint that a condition of a filter may match fewer recipients than meant. */
interface TypeHint {
  /** The keys that lead to the attribute, from the outermost one. */
  attribute: string[];
  message: string;
}

/** The number of newest recipients that are examined: enough to notice a column that was imported as text. */
const sampleSize = 1_000;

const countTexts = defineStatement<
  { paths: string; sampleSize: number },
  { place: number; texts: number }
>(
  `SELECT asked.place::int - 1 AS place, count(*)::int AS texts
   FROM (SELECT attributes FROM recipients WHERE erased_at IS NULL ORDER BY id DESC LIMIT :sampleSize::int) AS r
   CROSS JOIN jsonb_array_elements(:paths::text::jsonb) WITH ORDINALITY AS asked(path, place)
   WHERE jsonb_typeof(r.attributes #> ARRAY(SELECT jsonb_array_elements_text(asked.path))) = 'string'
   GROUP BY asked.place ORDER BY asked.place`,
);

/**
 * Finds conditions on numbers or lists whose attribute is text for some of the newest recipients, as after an import of CSV. Such a
 * condition never matches these recipients.
 */
export async function findTypeHints(
  pool: Pick<Pool, "query">,
  filter: RecipientFilter,
): Promise<TypeHint[]> {
  const asked = requiredTypes(filter);
  if (asked.length === 0) return [];
  const rows = await executeOn(pool)(countTexts, {
    paths: JSON.stringify(asked.map(({ path }) => path)),
    sampleSize,
  });
  return rows.map(({ place, texts }) => {
    const { path, type: required, operator } = asked[place]!;
    const [values, type] = required === "number" ? ["numbers", "number"] : ["lists", "list"];
    return {
      attribute: path,
      message: `is text for ${texts} of the newest ${sampleSize} recipients: ${operator} needs ${values}, so it never matches them. Import it with ?types=${path.join(".")}:${type}`,
    };
  });
}
