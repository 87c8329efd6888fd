import pg from "pg";
import { describeKeyFault, openKeySet } from "../../domain/sealing/key-set.ts";
import { countSealed, readDataKeys } from "../../prisma/data-keys.ts";
import { given, ok, warning, type Check } from "./check.ts";
import { readIfGiven } from "./configuration.ts";
import type { Surroundings } from "./surroundings.ts";

const name = "Sealing keys";
const mend = "See docs/runbook.md#sealing-keys";
const timeoutMs = 4_000;

/**
 * Checks that `SEALING_KEYS` has the keys that the values in the database of `DATABASE_URL` need, without changing it. If a variable is not set or
 * the database cannot be read, which other checks report, there is no finding, except that of values whose keys are missing.
 */
export function sealingCheck({ environment }: Surroundings): Check {
  return {
    name,
    required: false,
    mend,
    look: async () => {
      const url = readIfGiven("DATABASE_URL", environment);
      const masterKeys = given(environment, "SEALING_KEYS")
        ? readIfGiven("SEALING_KEYS", environment)
        : [];
      if (url === null || masterKeys === null) return [];
      const client = new pg.Client({
        connectionString: url,
        connectionTimeoutMillis: timeoutMs,
        query_timeout: timeoutMs,
      });
      client.on("error", () => {});
      try {
        await client.connect();
        const stored = await readDataKeys(client);
        const { faults } = openKeySet(stored, masterKeys);
        const counts = await countSealed(client).catch(() => null);
        const known = new Set(stored.rows.map(({ id }) => id));
        const lost = [...(counts?.keys() ?? [])].filter((id) => !known.has(id));
        const all =
          lost.length > 0 && !faults.some(({ kind }) => kind === "lost")
            ? [...faults, { kind: "lost" as const, dataKeys: lost }]
            : faults;
        if (all.length > 0)
          return all.map((fault) => warning(name, describeKeyFault(fault, counts), mend));
        if (masterKeys.length === 0)
          return [
            warning(
              name,
              "SEALING_KEYS is not set: push subscriptions and other secrets cannot be stored",
              "Set it: see docs/configuration.md",
            ),
          ];
        return [ok(name, `data keys: ${stored.rows.length}, all of which can be decrypted`)];
      } catch {
        // The check of the database says why it cannot be reached, or what it lacks.
        return [];
      } finally {
        await client.end().catch(() => {});
      }
    },
  };
}
