import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Pool } from "pg";
import { clockReasons, type Reason } from "../domain/delivery/reasons.ts";
import type { ClockData } from "../domain/time/clocks.ts";
import { ianaNames } from "../domain/time/iana-names.ts";
import { nodeClocks } from "../domain/time/node-clocks.ts";
import { defineStatement, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";
import { type ChangedRow, releaseDeferredDeliveries } from "./transitions.ts";

/*
 * The newest release of time zone data that workers have gone by, and how the clocks of each zone run by it. A worker that comes
 * with a newer one, started anew or not, has what waits in the zones whose clocks differ decided again.
 */

/** A release as it was recorded. */
export interface RecordedRelease {
  version: string;
  source: ClockData["source"];
}

const newestStatement = defineStatement<object, RecordedRelease>(
  "SELECT version, source FROM time_zone_releases ORDER BY version DESC LIMIT 1",
);

/** The newest release that workers have gone by; null: none has started yet. */
export async function readNewestRelease(
  pool: Pick<Pool, "query">,
): Promise<RecordedRelease | null> {
  const [newest] = await executeOn(pool)(newestStatement, {});
  return newest ?? null;
}

/** What a release is compared with. */
interface Before {
  /** As `fingerprintsOf` makes them, of how clocks run between the two instants. */
  fingerprints: Record<string, string>;
  coversFrom: Date;
  coversTo: Date;
  /** By the ledger's clock. */
  now: Date;
}

const comparedStatement = defineStatement<
  object,
  RecordedRelease & Before & { changedZones: string[]; adoptedOfLate: boolean }
>(`
  SELECT version, source, fingerprints, covers_from AS "coversFrom", covers_to AS "coversTo", changed_zones AS "changedZones",
    adopted_at > ledger_now() - interval '1 hour' AS "adoptedOfLate", ledger_now() AS now
  FROM time_zone_releases ORDER BY version DESC LIMIT 1`);

const recordStatement = defineStatement<
  RecordedRelease & {
    fingerprints: string;
    coversFrom: Date;
    coversTo: Date;
    changedZones: readonly string[];
  }
>(`
  WITH older AS (DELETE FROM time_zone_releases WHERE version < :version::text)
  INSERT INTO time_zone_releases (version, source, fingerprints, covers_from, covers_to, changed_zones, adopted_at)
  VALUES (:version::text, :source::text, :fingerprints::text::jsonb, :coversFrom::timestamptz, :coversTo::timestamptz, :changedZones::text[], ledger_now())
  ON CONFLICT (version) DO NOTHING`);

/** Who waits for the recipient's clock waits for days, or weeks. */
const coveredMs = 3 * 365 * 86_400_000;
const leastCoveredMs = 30 * 86_400_000;

/** How the clocks of each name of IANA's run from one instant to another, by the names in lower case, so short that it can be kept. */
async function fingerprintsOf(
  clocks: ClockData,
  from: Date,
  to: Date,
): Promise<Record<string, string>> {
  const fingerprints: Record<string, string> = {};
  for (const given of ianaNames) {
    // All of them take about a second by `Intl`: the process goes on with its work in between.
    await setImmediate();
    const name = clocks.nameOf(given);
    if (name === null) continue;
    const spans = clocks
      .spansBetween(name, from.getTime(), to.getTime())
      .map(({ offset, end }) => [offset, end]);
    const hash = createHash("sha256").update(JSON.stringify(spans));
    fingerprints[given.toLowerCase()] = hash.digest("base64url").slice(0, 12);
  }
  return fingerprints;
}

/** What became of a release that a worker came with. */
export type Adoption =
  /** Another worker goes by a newer one. */
  | { newer: RecordedRelease }
  /** Zones whose clocks differ from the release before. */
  | { changedZones: readonly string[] };

/**
 * Records the release that a worker has begun to go by, and has what waits for the recipient's clock decided again where that runs
 * otherwise than by the release before. A worker that comes within an hour does the same once more: until then it may have held
 * something by its older data. May be cut off anywhere, and run twice at once.
 * @param released is told of the rows of each batch once it is committed, whose workflows have to be woken
 */
export async function adoptRelease(
  pool: Pool,
  clocks: ClockData,
  { mailboxShards, released }: { mailboxShards: number; released: (rows: ChangedRow[]) => void },
): Promise<Adoption> {
  const execute = executeOn(pool);
  const [recorded] = await execute(comparedStatement, {});
  const { version, source } = clocks;
  if (recorded && recorded.version > version)
    return { newer: { version: recorded.version, source: recorded.source } };
  if (recorded?.version === version) {
    const changedZones = recorded.adoptedOfLate ? recorded.changedZones : [];
    await releaseInZones(pool, { zones: changedZones, known: null, mailboxShards, released });
    return { changedZones };
  }
  const before = recorded ?? (await assumedBefore());
  const changedZones = await zonesThatChanged(before, clocks);
  const known = Object.keys(before.fingerprints);
  await releaseInZones(pool, { zones: changedZones, known, mailboxShards, released });
  const coversFrom = before.now;
  const coversTo = new Date(coversFrom.getTime() + coveredMs);
  await execute(recordStatement, {
    version,
    source,
    fingerprints: JSON.stringify(await fingerprintsOf(clocks, coversFrom, coversTo)),
    coversFrom,
    coversTo,
    changedZones,
  });
  return { changedZones };
}

/** Before any release was recorded, all went by what Node.js brings. */
async function assumedBefore(): Promise<Before> {
  const now = new Date();
  const coversTo = new Date(now.getTime() + coveredMs);
  return {
    fingerprints: await fingerprintsOf(nodeClocks, now, coversTo),
    coversFrom: now,
    coversTo,
    now,
  };
}

/** In lower case. Where what was recorded does not reach into the time to come, nothing is known to be the same. */
async function zonesThatChanged(
  { fingerprints, coversFrom, coversTo, now }: Before,
  clocks: ClockData,
): Promise<string[]> {
  const unknown = coversTo.getTime() < now.getTime() + leastCoveredMs;
  const after = await fingerprintsOf(clocks, coversFrom, coversTo);
  return Object.keys({ ...fingerprints, ...after }).filter(
    (zone) => unknown || fingerprints[zone] !== after[zone],
  );
}

const pageRows = 500;

const pageStatement = defineStatement<
  {
    reason: Reason;
    after: string;
    zones: readonly string[];
    known: readonly string[] | null;
  },
  { id: string; recipientId: string; concerned: boolean }
>(`
  SELECT d.id, d.recipient_id AS "recipientId",
    lower(r.time_zone) = ANY(:zones::text[]) OR coalesce(lower(r.time_zone) <> ALL(:known::text[]), false) AS concerned
  FROM open_deliveries d JOIN recipients r ON r.id = d.recipient_id
  WHERE d.reason = :reason::text AND d.id > :after::uuid ORDER BY d.id LIMIT ${pageRows}`);

const beforeAll = "00000000-0000-0000-0000-000000000000";

/** Releases what waits for the clocks of the zones, and of those that are none of the `known`, where these are given. */
async function releaseInZones(
  pool: Pool,
  {
    zones,
    known,
    mailboxShards,
    released,
  }: {
    zones: readonly string[];
    known: readonly string[] | null;
    mailboxShards: number;
    released: (rows: ChangedRow[]) => void;
  },
): Promise<void> {
  if (zones.length === 0 && known === null) return;
  for (const reason of clockReasons) {
    for (let after: string | null = beforeAll; after !== null;) {
      const page: { id: string; recipientId: string; concerned: boolean }[] = await executeOn(pool)(
        pageStatement,
        { reason, after, zones, known },
      );
      const concerned = page.filter((row) => row.concerned);
      const recipientIds = [...new Set(concerned.map(({ recipientId }) => recipientId))];
      const rows = await inTransaction(pool, (client) =>
        releaseDeferredDeliveries(executeOn(client), recipientIds, { mailboxShards }),
      );
      if (rows.length > 0) released(rows);
      after = page.length < pageRows ? null : page.at(-1)!.id;
    }
  }
}
