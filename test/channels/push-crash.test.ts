import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { acceptRouted } from "../support/accept-routed.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { patience } from "../support/patience.ts";
import { registerDevice } from "./push-channel.ts";
import { startPushService } from "../support/push-service.ts";
import { dispatchPushes } from "./push-worker.ts";

const database = useLedgerDatabase({ truncate: "routes" });
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

it("a worker that is killed while it pushes to three devices leaves only those to ask that had not answered", async () => {
  const { pool, seed } = database;
  let isHanging = true;
  const service = await startPushService(({ device }) =>
    isHanging && device !== "phone" ? "hang" : { status: 201 },
  );
  cleanups.push(() => service.stop());
  const [recipientId] = (await seed.recipients(1)) as [string];
  for (const device of ["phone", "laptop", "tablet"])
    await registerDevice(pool, recipientId, service.addDevice(device));
  const versionId = await seed.templateVersion();
  await acceptRouted(pool, { recipientId, versionId, route: { stages: [{ via: ["push"] }] } });
  const answered = async () => (await pool.query("SELECT FROM address_answers")).rows.length;
  const deliveries = async () =>
    (await pool.query("SELECT status, attempt_count AS attempts FROM deliveries")).rows;

  const worker = spawn(
    process.execPath,
    [join(packageRoot, "dist/test/channels/push-worker.js"), database.url, String(service.port)],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  cleanups.push(() => worker.kill("SIGKILL"));
  await vi.waitFor(async () => {
    expect(service.asked().toSorted()).toEqual(["laptop", "phone", "tablet"]);
    expect(await answered()).toBe(1);
  }, patience);
  worker.kill("SIGKILL");
  await once(worker, "exit");
  expect(await deliveries()).toEqual([{ status: "sending", attempts: 1 }]);

  isHanging = false;
  service.received.length = 0;
  // Another worker finds the row when the lease of the first has expired.
  await dispatchPushes(pool, service.port);
  expect(service.received).toEqual([]);
  await atLedgerTime(pool, new Date(Date.now() + 60_000), () => dispatchPushes(pool, service.port));
  expect(service.asked().toSorted()).toEqual(["laptop", "tablet"]);
  expect(service.faults).toEqual([]);
  expect(await deliveries()).toEqual([{ status: "sent", attempts: 2 }]);
  const { rows } = await pool.query<{ outcome: string; failure: string | null }>(
    "SELECT outcome, failure FROM attempts ORDER BY number",
  );
  expect(rows).toEqual([
    { outcome: "unknown", failure: "interrupted" },
    { outcome: "sent", failure: null },
  ]);
  expect(await answered()).toBe(0);
});
