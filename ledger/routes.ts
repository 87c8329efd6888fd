import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { type ResolvedRoute, resolvedRoute } from "../domain/policy/route.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import { defineStatement, type Execute, executeOn } from "./sql.ts";

/** A route as it is stored: what chose it, and its stages and templates. A stored route never changes. */
interface StoredRoute {
  origin: string;
  document: ResolvedRoute;
}

/** Stores routes and reads them. A process has one instance, which caches. */
export interface Routes {
  /**
   * Stores the routes that are not stored yet. Resolves with the id of each route in their order.
   * @param execute the transaction in which the routes are stored. Without it, they are committed at once, and their ids are cached
   */
  routeIds: (routes: readonly StoredRoute[], execute?: Execute) => Promise<number[]>;
  /** Reads routes by their ids. Ids without a route are missing from the result. */
  readRoutes: (
    ids: readonly number[],
    execute?: Execute,
  ) => Promise<ReadonlyMap<number, StoredRoute>>;
}

/** The number of routes in each cache. The oldest are removed. */
const cached = 10_000;

const findStatement = defineStatement<{ hashes: readonly string[] }, { hash: string; id: number }>(
  `SELECT encode(hash, 'hex') AS hash, id FROM routes
   WHERE hash IN (SELECT decode(h, 'hex') FROM unnest(:hashes::text[]) AS h)`,
);

const insertStatement = defineStatement<{
  hashes: readonly string[];
  origins: readonly string[];
  documents: readonly string[];
}>(
  `INSERT INTO routes (hash, origin, document)
   SELECT decode(n.hash, 'hex'), n.origin, n.document::jsonb
   FROM unnest(:hashes::text[], :origins::text[], :documents::text[]) AS n(hash, origin, document) ORDER BY n.hash
   ON CONFLICT (hash) DO NOTHING`,
);

const readStatement = defineStatement<
  { ids: readonly number[] },
  { id: number; origin: string; document: unknown }
>("SELECT id, origin, document FROM routes WHERE id = ANY(:ids::int[])");

export function createRoutes(pool: Pick<Pool, "query">): Routes {
  const onPool = executeOn(pool);
  const idOfHash = createCache<string, number>();
  const routeOfId = createCache<number, StoredRoute>();

  async function find(execute: Execute, hashes: readonly string[], known: Map<string, number>) {
    const wanted = hashes.filter((hash) => !known.has(hash));
    if (wanted.length === 0) return;
    for (const { hash, id } of await execute(findStatement, { hashes: wanted }))
      known.set(hash, id);
  }

  return {
    async routeIds(routes, execute = onPool) {
      const byHash = new Map(routes.map((route) => [hashOf(route), route]));
      const hashes = [...byHash.keys()];
      const known = new Map<string, number>();
      for (const hash of hashes) {
        const id = idOfHash.get(hash);
        if (id !== undefined) known.set(hash, id);
      }
      await find(execute, hashes, known);
      const missing = hashes.filter((hash) => !known.has(hash));
      if (missing.length > 0) {
        await execute(insertStatement, {
          hashes: missing,
          origins: missing.map((hash) => byHash.get(hash)!.origin),
          documents: missing.map((hash) => JSON.stringify(byHash.get(hash)!.document)),
        });
        // A statement of its own, which also sees the routes that others have inserted meanwhile.
        await find(execute, missing, known);
      }
      // A transaction that is rolled back takes its routes with it.
      if (execute === onPool) for (const [hash, id] of known) idOfHash.set(hash, id);
      return routes.map((route) => known.get(hashOf(route))!);
    },

    async readRoutes(ids, execute = onPool) {
      const found = new Map<number, StoredRoute>();
      for (const id of ids) {
        const route = routeOfId.get(id);
        if (route) found.set(id, route);
      }
      const missing = [...new Set(ids)].filter((id) => !found.has(id));
      if (missing.length === 0) return found;
      for (const { id, origin, document } of await execute(readStatement, { ids: missing })) {
        const route = { origin, document: resolvedRoute.parse(document) };
        found.set(id, route);
        routeOfId.set(id, route);
      }
      return found;
    },
  };
}

const hashOf = ({ origin, document }: StoredRoute): string =>
  createHash("sha256").update(canonicalJson({ origin, document })).digest("hex");

function createCache<Key, Value>() {
  const entries = new Map<Key, Value>();
  return {
    get: (key: Key) => entries.get(key),
    set(key: Key, value: Value) {
      entries.set(key, value);
      if (entries.size > cached) entries.delete(entries.keys().next().value!);
    },
  };
}
