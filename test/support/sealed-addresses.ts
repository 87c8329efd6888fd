import { randomBytes } from "node:crypto";
import type { Pool } from "pg";
import { newUuid } from "../../domain/ids.ts";
import type { SealedPlace, Sealer } from "../../domain/sealer.ts";
import { createSeeder } from "./seed.ts";

/** What the addresses contain. */
export const sampleAddress = Buffer.from("https://push.example.org/send/a-secret");

/** Stores addresses of one recipient that `sealer` has sealed, and returns their places in the order of their ids. */
export async function storeAddresses(
  pool: Pool,
  sealer: Pick<Sealer, "seal">,
  count: number,
): Promise<SealedPlace[]> {
  const [recipientId] = await createSeeder(pool).recipients(1);
  const ids = Array.from({ length: count }, () => newUuid()).sort();
  const places = ids.map((row) => ({ table: "addresses", column: "value", row }));
  const sealed = await Promise.all(places.map((place) => sealer.seal(sampleAddress, place)));
  await pool.query(
    `INSERT INTO addresses (id, recipient_id, channel, kind, value, hash, service)
     SELECT n.id, $1, 'push', 'web_push', n.value, n.hash, 'push.example.org' FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) AS n (id, value, hash)`,
    [recipientId, places.map(({ row }) => row), sealed, places.map(() => randomBytes(32))],
  );
  return places;
}

/** The stored value of an address. */
export async function readAddress(pool: Pick<Pool, "query">, { row }: SealedPlace) {
  const { rows } = await pool.query<{ value: Buffer }>(
    "SELECT value FROM addresses WHERE id = $1",
    [row],
  );
  return rows[0]!.value;
}
