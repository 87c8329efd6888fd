import { describe, expect, it } from "vitest";
import type { GateLimits } from "../../domain/delivery/gates.ts";
import { createGates, setGate } from "../../ledger/gates.ts";
import {
  configureProviders,
  type ProviderConfiguration,
  restoreLimits,
} from "../../ledger/providers.ts";
import { executeOn } from "../../ledger/sql.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase({ truncate: "breakers, gates" });

const rate = (permitsPerSecond: number): GateLimits => ({
  permitsPerSecond,
  burst: 2,
  hourlyQuota: null,
  dailyQuota: null,
});
const quota = (dailyQuota: number): GateLimits => ({
  permitsPerSecond: null,
  burst: 1,
  hourlyQuota: null,
  dailyQuota,
});

const server = (name: string, limits: GateLimits | null): ProviderConfiguration => ({
  name,
  channel: "email",
  kind: "smtp",
  position: 1,
  connections: 10,
  limits,
});
const configure = (...providers: ProviderConfiguration[]) =>
  configureProviders(database.pool, providers);
/** Sets limits as an operator does. */
const override = (name: string, limits: GateLimits) =>
  executeOn(database.pool)(setGate, { key: `provider/${name}`, ...limits });
const restore = (name: string) => restoreLimits(executeOn(database.pool), name);
const inForce = async (name: string) => {
  const { rows } = await database.pool.query<GateLimits>(
    `SELECT permits_per_second AS "permitsPerSecond", burst, hourly_quota AS "hourlyQuota", daily_quota AS "dailyQuota" FROM gates WHERE key = $1`,
    [`provider/${name}`],
  );
  return rows[0];
};

describe("the configured limits of a provider", () => {
  it("are in force from the start of a worker, and change with the configuration", async () => {
    await configure(server("main", rate(14)), server("backup", null));
    expect([await inForce("main"), await inForce("backup")]).toEqual([rate(14), undefined]);
    await configure(server("main", rate(20)), server("backup", quota(9)));
    expect([await inForce("main"), await inForce("backup")]).toEqual([rate(20), quota(9)]);
    await configure(server("main", null), server("backup", quota(9)));
    expect([await inForce("main"), await inForce("backup")]).toEqual([undefined, quota(9)]);
  });

  it("give way to those that an operator sets, until these are removed", async () => {
    await configure(server("main", rate(14)));
    await override("main", rate(5));
    await configure(server("main", rate(14)));
    await configure(server("main", rate(30)));
    expect(await inForce("main")).toEqual(rate(5));
    await restore("main");
    expect(await inForce("main")).toEqual(rate(30));
    await configure(server("main", rate(31)));
    expect(await inForce("main")).toEqual(rate(31));
  });

  it("leave limits in force that an operator had set before there were any", async () => {
    await configure(server("main", null));
    await override("main", quota(7));
    await configure(server("main", rate(14)));
    expect(await inForce("main")).toEqual(quota(7));
    await configure(server("main", null));
    expect(await inForce("main")).toEqual(quota(7));
    await restore("main");
    expect(await inForce("main")).toBeUndefined();
  });

  it("keep what was used of a quota, and a pause, when they change", async () => {
    const gates = createGates(database.pool);
    const key = "provider/main";
    await configure(server("main", quota(10)));
    await gates.grant({ key, wanted: 4 });
    await gates.shut({ key, forMs: 3_600_000, reason: "421 too much" });
    await configure(server("main", quota(6)));
    expect((await gates.look([key])).get(key)).toMatchObject({ quotaLeft: 2 });
    await configure(server("main", null));
    const shut = (await gates.look([key])).get(key)!;
    expect(shut).toMatchObject({ quotaLeft: null, pace: null });
    expect(shut.shutMs).toBeGreaterThan(3_000_000);
  });

  it("stay in force when the provider is removed, for workers that still have it, and are replaced when it is back", async () => {
    await configure(server("main", rate(14)), server("old", quota(9)));
    await configure(server("main", rate(14)));
    expect(await inForce("old")).toEqual(quota(9));
    const { rows } = await database.pool.query(
      "SELECT provider, configuration->'removed' AS removed FROM breakers ORDER BY provider",
    );
    expect(rows).toEqual([
      { provider: "main", removed: null },
      { provider: "old", removed: true },
    ]);
    await configure(server("main", rate(14)), server("old", rate(3)));
    expect(await inForce("old")).toEqual(rate(3));
  });

  it("are the same for workers that start together", async () => {
    await Promise.all(
      Array.from({ length: 8 }, () =>
        configure(server("main", rate(14)), server("backup", quota(9))),
      ),
    );
    expect([await inForce("main"), await inForce("backup")]).toEqual([rate(14), quota(9)]);
  });
});

it("a worker without push notifications leaves the push services of others as they are", async () => {
  const fcm: ProviderConfiguration = {
    ...server("push/fcm", rate(100)),
    channel: "push",
    kind: "web-push",
    position: null,
  };
  await configure(server("main", null), fcm);
  await configure(server("main", null));
  const { rows } = await database.pool.query(
    "SELECT configuration FROM breakers WHERE provider = 'push/fcm'",
  );
  expect(rows).toEqual([
    { configuration: { kind: "web-push", position: null, connections: 10, limits: rate(100) } },
  ]);
});
