import { expect, it, onTestFinished } from "vitest";
import { createLogger } from "../../config/logger.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { masterKey } from "../support/sealing.ts";
import { outcomes } from "./email-channel.ts";
import { pushChannel, pushRequest, registerDevice } from "./push-channel.ts";
import { startPushService } from "../support/push-service.ts";

const database = useLedgerDatabase({ truncate: "breakers, data_keys, sealing_canary" });

it("nothing is pushed without the key that the devices were sealed with, and the attempt and the log name the key", async () => {
  const { pool, seed } = database;
  const service = await startPushService();
  onTestFinished(() => service.stop());
  const [recipientId] = (await seed.recipients(1)) as [string];
  const subscription = service.addDevice("phone");
  const sealer = createSealer({ pool, masterKeys: [masterKey("k1")] });
  const deviceId = await registerDevice(pool, recipientId, subscription, { sealer });
  const logged: string[] = [];
  const logger = createLogger("worker", "debug", { write: (line) => void logged.push(line) });
  const withKeys = async (...ids: string[]) => {
    const made = await pushChannel(pool, service, {
      sealer: createSealer({ pool, masterKeys: ids.map((id) => masterKey(id)) }),
      logger,
    });
    onTestFinished(() => made.stop());
    return made.channel.send(pushRequest(recipientId));
  };

  const missing = "SEALING_KEYS lacks the key k1";
  for (const ids of [[], ["k2"]]) {
    const result = await withKeys(...ids);
    expect(outcomes(result)).toEqual(["transient/address_unreadable"]);
    expect(JSON.stringify(result)).toContain(missing);
  }
  expect(service.received).toEqual([]);
  expect(logged.join()).toContain(missing);
  for (const secret of [subscription.endpoint, subscription.keys.auth, "token-of-the-device"])
    expect(logged.join()).not.toContain(secret);

  // The key comes back behind a new one, and the device is used as before.
  expect(outcomes(await withKeys("k2", "k1"))).toEqual(["sent"]);
  expect(service.asked()).toEqual(["phone"]);

  // A value that is moved to another device cannot be opened there.
  const other = await registerDevice(pool, recipientId, service.addDevice("laptop"), { sealer });
  await pool.query(
    "UPDATE addresses SET value = (SELECT value FROM addresses WHERE id = $1) WHERE id = $2",
    [deviceId, other],
  );
  await pool.query("DELETE FROM addresses WHERE id = $1", [deviceId]);
  expect(outcomes(await withKeys("k1"))).toEqual(["transient/address_unreadable"]);
  expect(service.asked()).toEqual(["phone"]);
});
