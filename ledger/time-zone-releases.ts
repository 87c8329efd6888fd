import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Pool } from "pg";
import { dayMs } from "../domain/time/durations.ts";
import { clockReasons, type Reason } from "../domain/delivery/reasons.ts";
import type { ClockData } from "../domain/time/clocks.ts";
import { ianaNames } from "../domain/time/iana-names.ts";
import { nodeClocks } from "../domain/time/node-clocks.ts";
import { defineStatement, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";
import { type ChangedRow, releaseDeferredDeliveries } from "./transitions.ts";

/*
 * The newest release of time zone data that workers have used, with a fingerprint of each zone's clocks. When a worker has a newer release, the
 * waiting deliveries in zones whose clocks differ are decided again.
 */

/** A recorded release. */
export interface RecordedRelease {
  version: string;
  source: ClockData["source"];
}

const newestStatement = defineStatement<object, RecordedRelease>(
  "SELECT version, source FROM time_zone_releases ORDER BY version DESC LIMIT 1",
);

/** Reads the newest release that workers have used; null where no worker has started yet. */
export async function readNewestRelease(
  pool: Pick<Pool, "query">,
): Promise<RecordedRelease | null> {
  const [newest] = await executeOn(pool)(newestStatement, {});
  return newest ?? null;
}

/** The data with which a release is compared. */
interface Before {
  /** The fingerprints from `fingerprintsOf`, for the time between the two instants. */
  fingerprints: Record<string, string>;
  coversFrom: Date;
  coversTo: Date;
  /** The current time of the ledger's clock. */
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

/** How far ahead clocks are compared: deliveries wait for the recipient's clock for days or weeks. */
const coveredMs = 3 * 365 * dayMs;
const leastCoveredMs = 30 * dayMs;

/** Computes a short fingerprint of the clocks of each IANA zone between two instants, by the name in lower case. */
async function fingerprintsOf(
  clocks: ClockData,
  from: Date,
  to: Date,
): Promise<Record<string, string>> {
  const fingerprints: Record<string, string> = {};
  for (const given of ianaNames) {
    // All zones together take about a second with `Intl`, so the event loop continues in between.
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

/** The result of the adoption of a release. */
export type Adoption =
  /** Another worker uses a newer release. */
  | { newer: RecordedRelease }
  /** The zones whose clocks differ from the previous release. */
  | { changedZones: readonly string[] };

/**
 * Records the release that a worker has begun to use. Deliveries that wait for the recipient's clock are decided again in the zones whose clocks
 * differ from the previous release. Every worker that adopts the release within an hour repeats this, because it may have held deliveries by
 * its older data. The function may be interrupted at any point, and may run concurrently.
 * @param released receives the rows of each batch once it is committed; their workflows have to be woken
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

/** The release to compare with where none was recorded yet: the data in Node.js. */
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

/** The zones whose clocks have changed, in lower case. Where the recorded fingerprints end in the past, all zones count as changed. */
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

/** Releases the deliveries that wait for the clocks of the zones. With `known`, also those of zones that are not among the known ones. */
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
