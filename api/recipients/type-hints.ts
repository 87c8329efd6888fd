import type { Pool } from "pg";
import { askedTypes, type RecipientFilter } from "../../domain/audience.ts";
import { defineStatement, executeOn } from "../../ledger/sql.ts";

/** What may be meant otherwise in a filter, and where. */
interface TypeHint {
  /** Keys of the attributes, from the outermost one. */
  attribute: string[];
  message: string;
}

/** Recipients who are looked at: enough to notice a column that was imported as text. */
const looked = 1_000;

const countTexts = defineStatement<
  { paths: string; looked: number },
  { place: number; texts: number }
>(
  `SELECT asked.place::int - 1 AS place, count(*)::int AS texts
   FROM (SELECT attributes FROM recipients WHERE erased_at IS NULL ORDER BY id DESC LIMIT :looked::int) AS r
   CROSS JOIN jsonb_array_elements(:paths::text::jsonb) WITH ORDINALITY AS asked(path, place)
   WHERE jsonb_typeof(r.attributes #> ARRAY(SELECT jsonb_array_elements_text(asked.path))) = 'string'
   GROUP BY asked.place ORDER BY asked.place`,
);

/**
 * Finds conditions on numbers or lists of attributes that are text of some of the newest recipients, as columns of CSV are: such a
 * condition never holds of them.
 */
export async function findTypeHints(
  pool: Pick<Pool, "query">,
  filter: RecipientFilter,
): Promise<TypeHint[]> {
  const asked = askedTypes(filter);
  if (asked.length === 0) return [];
  const rows = await executeOn(pool)(countTexts, {
    paths: JSON.stringify(asked.map(({ path }) => path)),
    looked,
  });
  return rows.map(({ place, texts }) => {
    const { path, asks, operator } = asked[place]!;
    const [what, type] = asks === "number" ? ["numbers", "number"] : ["lists", "list"];
    return {
      attribute: path,
      message: `is text of ${texts} of the newest ${looked} recipients, of whom ${operator} never holds: it asks for ${what}. An import makes them with ?types=${path.join(".")}:${type}`,
    };
  });
}
