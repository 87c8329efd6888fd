import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { patience } from "../support/patience.ts";
import { outcomes } from "./email-channel.ts";
import { pushChannel, pushRequest, registerDevice } from "./push-channel.ts";
import { startPushService } from "./push-service.ts";

const database = useLedgerDatabase();
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
  cleanups.push(() => service.close());
  const [recipientId] = (await seed.recipients(1)) as [string];
  for (const device of ["phone", "laptop", "tablet"])
    await registerDevice(pool, recipientId, service.addDevice(device));
  const messageId = publicId("delivery", newUuid());

  const worker = spawn(
    process.execPath,
    [
      join(packageRoot, "dist/test/channels/push-worker.js"),
      database.url,
      String(service.port),
      recipientId,
      messageId,
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  cleanups.push(() => worker.kill("SIGKILL"));
  await vi.waitFor(async () => {
    expect(service.asked().toSorted()).toEqual(["laptop", "phone", "tablet"]);
    const { rows } = await pool.query("SELECT FROM address_answers");
    expect(rows).toHaveLength(1);
  }, patience);
  worker.kill("SIGKILL");
  await once(worker, "exit");

  isHanging = false;
  service.received.length = 0;
  const next = await pushChannel(pool, service);
  cleanups.push(() => next.stop());
  const result = await next.channel.send(pushRequest(recipientId, { messageId }));
  expect(outcomes(result)).toEqual(["sent"]);
  expect(service.asked().toSorted()).toEqual(["laptop", "tablet"]);
  await next.channel.close();
  expect((await pool.query("SELECT FROM address_answers")).rows).toEqual([]);
});
