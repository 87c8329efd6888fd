import { atLedgerTime } from "../support/ledger-time.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import { freezeAudience } from "../../ledger/freeze-audience.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";

let database: LedgerDatabase;
beforeAll(async () => {
  database = await createLedgerDatabase();
});
beforeEach(async () => {
  await database.empty();
  await database.pool.query("TRUNCATE segments");
});
afterAll(() => database.drop());

/** Recipients by what they are of: their ids. */
async function recipients(...groups: string[][]): Promise<string[]> {
  const ids = await database.seed.recipients(groups.length);
  for (const [n, of] of groups.entries())
    await database.pool.query("UPDATE recipients SET attributes = $2 WHERE id = $1", [
      ids[n],
      Object.fromEntries(of.map((group) => [group, true])),
    ]);
  return ids;
}

const segment = (key: string, filter: object = { attribute: key, equals: true }) =>
  database.pool.query("INSERT INTO segments (id, key, name, filter) VALUES ($1, $2, $2, $3)", [
    newUuid(),
    key,
    filter,
  ]);

async function campaignFor(audience: object) {
  const campaign = await database.seed.campaign();
  await database.pool.query("UPDATE campaigns SET audience = $2 WHERE id = $1", [
    campaign.id,
    audience,
  ]);
  return campaign;
}

const advance = ({ publicId }: { publicId: string }) => advanceCampaign(database.pool, publicId);

async function frozen({ id }: { id: string }): Promise<string[]> {
  const { rows } = await database.pool.query<{ recipient_id: string }>(
    "SELECT recipient_id FROM deliveries WHERE campaign_id = $1",
    [id],
  );
  return rows.map((row) => row.recipient_id).toSorted();
}

describe("a campaign's audience of segments", () => {
  it("is frozen as those of any included, of no excluded, whom its filter holds for", async () => {
    const ids = await recipients(
      ["pro"],
      ["pro", "out"],
      ["eu"],
      ["pro", "eu", "vip"],
      ["vip"],
      [],
      ["eu", "out", "vip"],
    );
    for (const key of ["pro", "eu", "out"]) await segment(key);
    const freezes = async (audience: object) => {
      const campaign = await campaignFor(audience);
      expect(await advance(campaign)).toMatchObject({ next: "drain" });
      const { rows } = await database.pool.query<{ audience_count: number }>(
        "SELECT audience_count FROM campaigns WHERE id = $1",
        [campaign.id],
      );
      const found = await frozen(campaign);
      expect(rows[0]!.audience_count).toBe(found.length);
      return found.map((id) => ids.indexOf(id)).toSorted((a, b) => a - b);
    };
    expect(await freezes({ include: ["pro", "eu"] })).toEqual([0, 1, 2, 3, 6]);
    expect(await freezes({ include: ["pro", "eu"], exclude: ["out"] })).toEqual([0, 2, 3]);
    expect(
      await freezes({
        include: ["pro", "eu"],
        exclude: ["out"],
        where: { attribute: "vip", equals: true },
      }),
    ).toEqual([3]);
    expect(await freezes({ all: true, exclude: ["pro", "eu"] })).toEqual([4, 5]);
    expect(await freezes({ where: { attribute: "vip", exists: true }, exclude: ["out"] })).toEqual([
      3, 4,
    ]);
  });

  it("means the segment as it is when the campaign begins", async () => {
    const [first, second] = await recipients(["pro"], ["eu"]);
    await segment("target", { attribute: "pro", equals: true });
    const before = await campaignFor({ include: ["target"] });
    await advance(before);
    await database.pool.query("UPDATE segments SET filter = $1", [
      { attribute: "eu", equals: true },
    ]);
    const after = await campaignFor({ include: ["target"] });
    await advance(after);
    expect(await frozen(before)).toEqual([first]);
    expect(await frozen(after)).toEqual([second]);
  });

  it("is frozen once: a retry finds it done, and adds nobody who came later", async () => {
    const [first] = await recipients(["pro"]);
    await segment("pro");
    const campaign = await campaignFor({ include: ["pro"] });
    const freeze = () =>
      atLedgerTime(database.pool, new Date(Date.now() + 60_000), () =>
        freezeAudience(database.pool, campaign.id, campaign.publicId),
      );
    await freeze();
    await recipients(["pro"]);
    await freeze();
    expect(await frozen(campaign)).toEqual([first]);
  });

  it("waits for a segment that is missing, and sends nothing meanwhile", async () => {
    const [first] = await recipients(["pro"], ["out", "pro"]);
    await segment("pro");
    const campaign = await campaignFor({ include: ["pro"], exclude: ["out"] });
    await expect(advance(campaign)).rejects.toThrow("the audience's segment out no longer exists");
    expect(await frozen(campaign)).toEqual([]);
    await segment("out");
    await advance(campaign);
    expect(await frozen(campaign)).toEqual([first]);
  });

  it("can be those who received another campaign", async () => {
    const ids = await recipients(["pro"], ["pro"], ["pro"], []);
    const first = await campaignFor({ where: { attribute: "pro", equals: true } });
    await advance(first);
    for (const [n, status] of ["sent", "failed", "unknown"].entries())
      await database.pool.query(
        "UPDATE deliveries SET status = $2::delivery_status, reason = 'as_it_ended', due_at = NULL, finished_at = now() WHERE recipient_id = $1",
        [ids[n], status],
      );
    const told = await campaignFor({ where: { received: first.publicId } });
    const perhaps = await campaignFor({ where: { received: first.publicId, orUnknown: true } });
    const others = await campaignFor({ where: { not: { received: first.publicId } } });
    for (const campaign of [told, perhaps, others]) await advance(campaign);
    expect(await frozen(told)).toEqual([ids[0]]);
    expect(new Set(await frozen(perhaps))).toEqual(new Set([ids[0], ids[2]]));
    expect(new Set(await frozen(others))).toEqual(new Set([ids[1], ids[2], ids[3]]));
  });
});
