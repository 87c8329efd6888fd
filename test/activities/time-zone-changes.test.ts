import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { hourMs, minuteMs } from "../../domain/time/durations.ts";
import { chooseClocks } from "../../config/clocks.ts";
import { useClocks } from "../../domain/time/local-time.ts";
import { nodeClocks } from "../../domain/time/node-clocks.ts";
import { adoptRelease } from "../../ledger/time-zone-releases.ts";
import { followTimeZoneChanges } from "../../workers/time-zone-changes.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { patience } from "../support/patience.ts";
import { mailbox, createPolicyWorld } from "../support/policy-world.ts";
import { type ZoneFolder, writeZoneFolder } from "../../lib/zone-folder.testing.ts";

let database: LedgerDatabase;
let root: string;
let folder: string;
let followers: { stop(): Promise<void> }[];
beforeAll(async () => {
  database = await createLedgerDatabase();
});
beforeEach(async () => {
  await database.pool.query("TRUNCATE groups, time_zone_releases CASCADE");
  await database.empty();
  root = mkdtempSync(join(tmpdir(), "tidings-zones-"));
  folder = join(root, "zoneinfo");
  followers = [];
});
afterEach(async () => {
  for (const follower of followers) await follower.stop();
  useClocks(nodeClocks);
  rmSync(root, { recursive: true });
});
afterAll(() => database.drop());

const zone = "America/Vancouver";
/** As many hours west of Greenwich, all the year. */
const release = (version: string, hoursWest: number): ZoneFolder => ({
  version,
  zones: { [zone]: `<-0${hoursWest}>${hoursWest}`, "Europe/Berlin": "<+01>-1" },
  links: { "Canada/Pacific": zone },
});

/** A worker's part in it. */
function follow() {
  const woken: string[] = [];
  const warned: object[] = [];
  const follower = followTimeZoneChanges({
    pool: database.pool,
    folders: [folder],
    mailboxShards: 1,
    wakeQueue: async (queue) => void woken.push(queue),
    wakeCampaign: async (id) => void woken.push(id),
    logger: { info: () => {}, warn: (told: object) => void warned.push(told) },
    everyMs: 20,
  });
  followers.push(follower);
  return { ...follower, woken, warned };
}

async function recorded(): Promise<string | undefined> {
  const { rows } = await database.pool.query<{ version: string }>(
    "SELECT version FROM time_zone_releases",
  );
  expect(rows.length).toBeLessThanOrEqual(1);
  return rows[0]?.version;
}
const untilRecorded = (version: string) =>
  vi.waitFor(async () => expect(await recorded()).toBe(version), patience);

async function row(id: string) {
  const { rows } = await database.pool.query<{ reason: string; dueAt: Date }>(
    `SELECT reason, due_at AS "dueAt" FROM deliveries WHERE id = $1`,
    [id],
  );
  return { reason: rows[0]!.reason, dueAt: rows[0]!.dueAt.toISOString() };
}

/** Held until, by clocks eight hours west of Greenwich, two hours from now. */
async function heldForQuietHours(timeZone = zone) {
  const world = createPolicyWorld(database.pool);
  const aheadMs = (timeZone === "Europe/Berlin" ? 1 : -8) * hourMs;
  const now = Math.floor(Date.now() / minuteMs) * minuteMs;
  const iso = (at: number) => new Date(at).toISOString();
  const shownAt = (at: number) => iso(at + aheadMs).slice(11, 16);
  const preferences = {
    quietHours: [{ start: shownAt(now - hourMs), end: shownAt(now + 2 * hourMs) }],
  };
  const until = iso(now + 2 * hourMs);
  const id = await world.ask({ recipientId: await world.recipient({ timeZone, preferences }) });
  await world.worker().dispatch();
  expect(await row(id)).toEqual({ reason: "quiet_hours", dueAt: until });
  return { id, until, decideAgain: () => world.worker().dispatch() };
}

it.each([zone, "Canada/Pacific", "canada/PACIFIC"])(
  "decides again what waits for the clocks of %s when the system's data changes, and nothing else",
  async (timeZone) => {
    writeZoneFolder(folder, release("2099a", 8));
    const { woken } = follow();
    await untilRecorded("2099a");
    const moved = await heldForQuietHours(timeZone);
    const other = await heldForQuietHours("Europe/Berlin");
    expect(woken).toEqual([]);

    writeZoneFolder(folder, release("2099b", 7));
    await untilRecorded("2099b");
    expect(await row(moved.id)).toMatchObject({ reason: "decide_again" });
    expect(await row(other.id)).toEqual({ reason: "quiet_hours", dueAt: other.until });
    expect(woken).toEqual([mailbox]);

    await moved.decideAgain();
    // The clocks are an hour further now, and so quiet hours end an hour earlier.
    const dueAt = new Date(Date.parse(moved.until) - hourMs).toISOString();
    expect(await row(moved.id)).toEqual({ reason: "quiet_hours", dueAt });
  },
);

it("does the same where the data changed while no worker ran", async () => {
  writeZoneFolder(folder, release("2099a", 8));
  const before = follow();
  await untilRecorded("2099a");
  const { id } = await heldForQuietHours();
  await before.stop();
  writeZoneFolder(folder, release("2099b", 7));
  follow();
  await untilRecorded("2099b");
  expect(await row(id)).toMatchObject({ reason: "decide_again" });
});

/** Held for the whole of each day. */
async function heldForDays() {
  const world = createPolicyWorld(database.pool);
  const preferences = { quietHours: [{ start: "00:00", end: "24:00" }] };
  const id = await world.ask({
    recipientId: await world.recipient({ timeZone: zone, preferences }),
  });
  await world.worker().dispatch();
  expect(await row(id)).toMatchObject({ reason: "quiet_hours" });
  return id;
}

it("does the same where all went by what Node.js brings before", async () => {
  const id = await heldForDays();
  writeZoneFolder(folder, release("2099a", 5));
  follow();
  await untilRecorded("2099a");
  expect(await row(id)).toMatchObject({ reason: "decide_again" });
});

it("does so again for a worker that comes within an hour, and not for one that comes later", async () => {
  writeZoneFolder(folder, release("2099a", 8));
  follow();
  await untilRecorded("2099a");
  writeZoneFolder(folder, release("2099b", 7));
  await untilRecorded("2099b");
  for (const follower of followers) await follower.stop();

  const adopt = () =>
    adoptRelease(database.pool, chooseClocks([folder]).clocks, {
      mailboxShards: 1,
      released: () => {},
    });
  const first = await heldForDays();
  await adopt();
  expect(await row(first)).toMatchObject({ reason: "decide_again" });

  await database.pool.query(
    "UPDATE time_zone_releases SET adopted_at = now() - interval '2 hours'",
  );
  const second = await heldForDays();
  await adopt();
  expect(await row(second)).toMatchObject({ reason: "quiet_hours" });
});

it("says where another worker goes by newer data, and leaves alone what that has decided", async () => {
  writeZoneFolder(folder, release("2099b", 8));
  await follow().stop();
  expect(await recorded()).toBe("2099b");
  const { id, until } = await heldForQuietHours();
  writeZoneFolder(folder, release("2099a", 7));
  const { warned } = follow();
  await vi.waitFor(
    () =>
      expect(warned).toContainEqual({
        version: "2099a",
        newer: { version: "2099b", source: "system" },
      }),
    patience,
  );
  expect([await recorded(), await row(id)]).toEqual([
    "2099b",
    { reason: "quiet_hours", dueAt: until },
  ]);
});
