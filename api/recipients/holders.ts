import { createGatherer } from "../../lib/gathering.ts";
import type { TokenHolder } from "../http/auth.ts";
import type { Services } from "../services.ts";

/** Recipients that one statement looks up. Only one such statement runs at a time, because anybody with a token may send any number of requests. */
const lookupBatchSize = 500;

/** What the tokens of a recipient must agree with, and the language of the recipient's pages. */
type Holder = TokenHolder & { locale: string };

const holdersSql = {
  name: "find-token-holders",
  text: `SELECT id, links_epoch AS epoch, locale, erased_at IS NOT NULL AS "isErased" FROM recipients WHERE id = ANY($1::uuid[])`,
};

/** Makes a function that reads what the tokens of a recipient, a UUID, must agree with; null if there is no such recipient. */
export function createHolderReader({ lookupPool }: Pick<Services, "lookupPool">) {
  const readHolders = async (ids: readonly string[]) => {
    const values = [[...new Set(ids)]];
    const { rows } = await lookupPool.query<Holder & { id: string }>({
      ...holdersSql,
      values,
    });
    const found = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => found.get(id) ?? null);
  };
  return createGatherer<string, Holder | null>({
    doTogether: readHolders,
    doApart: async (id) => (await readHolders([id]))[0]!,
    isOneItemsFault: () => false,
    most: lookupBatchSize,
    atOnce: 1,
  });
}
