import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { resolvedRoute, type ResolvedRoute } from "../domain/policy/route.ts";
import { defineStatement, type Execute, executeOn } from "./sql.ts";

/** A route, and what chose it. */
export interface StoredRoute {
  /** As `RouteOrigin` in domain/policy/route.ts. */
  origin: string;
  document: ResolvedRoute;
}

const readStatement = defineStatement<
  { ids: readonly number[] },
  { id: number; origin: string; document: unknown }
>("SELECT id, origin, document FROM routes WHERE id = ANY(:ids::int[])", "routes");

/** The maximum number of routes that a process keeps in memory. */
const keptRoutes = 1_000;

/** Reads routes by their ids. Routes never change, so that each is read once. */
export function createRouteReader(
  pool: Pick<Pool, "query">,
): (ids: readonly number[]) => Promise<ReadonlyMap<number, StoredRoute>> {
  const known = new Map<number, StoredRoute>();
  return async (ids) => {
    const missing = [...new Set(ids)].filter((id) => !known.has(id));
    if (missing.length === 0) return known;
    const wanted = new Map(ids.flatMap((id) => (known.has(id) ? [[id, known.get(id)!]] : [])));
    const rows = await executeOn(pool)(readStatement, { ids: missing });
    if (known.size + rows.length > keptRoutes) known.clear();
    for (const { id, origin, document } of rows) {
      const route = { origin, document: resolvedRoute.parse(document) };
      known.set(id, route);
      wanted.set(id, route);
    }
    return wanted;
  };
}

const insertStatement = defineStatement<
  { hashes: readonly Buffer[]; origins: readonly string[]; documents: readonly string[] },
  { hash: Buffer; id: number }
>(
  `WITH wanted AS (
     SELECT * FROM unnest(:hashes::bytea[], :origins::text[], :documents::jsonb[]) AS w(hash, origin, document)
   ), made AS (
     INSERT INTO routes (hash, origin, document) SELECT hash, origin, document FROM wanted
     ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING hash, id
   )
   SELECT hash, id FROM made`,
);

/** Stores routes that are not stored yet. Resolves with the id of each, in their order. */
export async function storeRoutes(
  execute: Execute,
  routes: readonly StoredRoute[],
): Promise<number[]> {
  const keyed = new Map(routes.map((route) => [hashOf(route), route]));
  if (keyed.size === 0) return [];
  const rows = await execute(insertStatement, {
    hashes: [...keyed.keys()].map((hash) => Buffer.from(hash, "hex")),
    origins: [...keyed.values()].map(({ origin }) => origin),
    documents: [...keyed.values()].map(({ document }) => JSON.stringify(document)),
  });
  const ids = new Map(rows.map(({ hash, id }) => [hash.toString("hex"), id]));
  return routes.map((route) => ids.get(hashOf(route))!);
}

/** The members of routes have a fixed order, which the schemas give them, so that equal routes have equal JSON. */
const hashOf = ({ origin, document }: StoredRoute): string =>
  createHash("sha256")
    .update(`${origin}\n${JSON.stringify(resolvedRoute.parse(document))}`)
    .digest("hex");
