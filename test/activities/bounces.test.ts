import type { Pool } from "pg";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { AttemptFailure } from "../../domain/delivery/attempt.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { hashedAddress } from "../../domain/suppression.ts";
import { erasePerson } from "../../ledger/erasure.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { type LedgerDatabase, useLedgerDatabase } from "../support/ledger-database.ts";
import { patience } from "../support/patience.ts";
import type { Answer } from "../support/recording-channel.ts";

const queue = "mailbox/0";

const database = useLedgerDatabase({ truncate: "suppressions" });
let pool: Pool;
let seed: LedgerDatabase["seed"];

beforeAll(() => void ({ pool, seed } = database));

const refused =
  (failure: AttemptFailure, response: string): Answer =>
  () => ({ outcome: "permanent", failure, response });

const suppressions = async () =>
  (
    await pool.query<{ address: string; reason: string; note: string; days: number | null }>(
      `SELECT address, reason, note, extract(day FROM expires_at - created_at)::int AS days FROM suppressions ORDER BY address`,
    )
  ).rows;

async function sendTo(recipientIds: string[], answer?: Answer) {
  const ids = await seed.notification({ recipientIds, queue });
  await createCampaignWorker(pool, answer).dispatch(queue);
  return ids;
}

/** What is in the ledger happened so many days ago. */
const age = (days: number) =>
  pool.query(
    `WITH aged AS (UPDATE deliveries SET created_at = created_at - make_interval(days => $1), finished_at = finished_at - make_interval(days => $1))
     UPDATE attempts SET started_at = started_at - make_interval(days => $1), finished_at = finished_at - make_interval(days => $1)`,
    [days],
  );

describe("an address that does not exist", () => {
  it("is suppressed at once and for good, with the answer and without addresses in it", async () => {
    const [gone, there] = await seed.recipients(2);
    await pool.query("UPDATE recipients SET email = 'Gone@Example.org' WHERE id = $1", [gone]);
    const ids = await sendTo([gone!, there!], ({ recipient }) =>
      recipient.id === gone
        ? {
            outcome: "permanent",
            failure: "unknown_address",
            response: "550 5.1.1 <gone@example.org>: user unknown",
          }
        : "sent",
    );
    expect(await suppressions()).toEqual([
      {
        address: "gone@example.org",
        reason: "bounced",
        note: "550 5.1.1 <…>: user unknown",
        days: null,
      },
    ]);
    const { rows } = await pool.query("SELECT created_by FROM suppressions");
    expect(rows).toEqual([{ created_by: publicId("delivery", ids[0]!) }]);

    // Another message is not even tried.
    const { dispatch, requests } = createCampaignWorker(pool);
    await seed.notification({ recipientIds: [gone!, there!], queue });
    expect((await dispatch(queue)).counts).toEqual({ sent: 1, suppressed: 1 });
    expect(requests.map(({ recipient }) => recipient.id)).toEqual([there]);
  });

  it.each<AttemptFailure>(["unknown_address", "mailbox_full"])(
    "is kept as a hash where its owner is erased while the message is on its way: %s",
    async (failure) => {
      const [gone] = await seed.recipients(1);
      const address = "gone@example.org";
      await pool.query("UPDATE recipients SET email = $2 WHERE id = $1", [gone, address]);
      const refusal = { outcome: "permanent", failure, response: `550 <${address}>: no` } as const;
      for (let day = 0; failure === "mailbox_full" && day < 2; day += 1) {
        await sendTo([gone!], () => refusal);
        await age(1);
      }
      await sendTo([gone!], async () => {
        await inTransaction(pool, (client) =>
          erasePerson(executeOn(client), { id: gone! }, new Date()),
        );
        return refusal;
      });
      expect(await suppressions()).toMatchObject([
        { address: hashedAddress(address), reason: "bounced" },
      ]);
      const { rows } = await pool.query(
        "SELECT to_jsonb(d)::text AS row FROM ended_deliveries d UNION ALL SELECT to_jsonb(a)::text FROM earlier_attempts a UNION ALL SELECT to_jsonb(s)::text FROM suppressions s",
      );
      expect(JSON.stringify(rows)).not.toContain(address);
    },
  );

  it("is suppressed also where its owner had unsubscribed", async () => {
    const [recipient] = await seed.recipients(1);
    await pool.query(
      `INSERT INTO suppressions (id, channel, address, reason, created_by)
       SELECT $1, 'email', lower(email), 'unsubscribed', 'bootstrap' FROM recipients WHERE id = $2`,
      [newUuid(), recipient],
    );
    const owed = async (answer?: Answer) => {
      await seed.notification({ recipientIds: [recipient!], queue, priority: "critical" });
      return (await createCampaignWorker(pool, answer).dispatch(queue)).counts;
    };
    expect(await owed()).toEqual({ sent: 1 });
    expect(await owed(refused("unknown_address", "550 5.1.1 gone"))).toEqual({ failed: 1 });
    expect(await suppressions()).toMatchObject([{ reason: "bounced", note: "550 5.1.1 gone" }]);
    expect(await owed()).toEqual({ suppressed: 1 });
  });

  it.each<[AttemptFailure, string]>([
    ["sender_refused", "550 5.7.1 blocked"],
    ["smtp_5xx", "554 5.6.0 malformed"],
  ])("is not shown by %s", async (failure, response) => {
    await sendTo(await seed.recipients(3), refused(failure, response));
    expect(await suppressions()).toEqual([]);
  });
});

describe("a mailbox that refuses", () => {
  it.each<AttemptFailure>(["mailbox_full", "recipient_refused"])(
    "on three days, with nothing taken in between, is left alone for 90 days: %s",
    async (failure) => {
      const recipients = await seed.recipients(1);
      const bounce = () => sendTo(recipients, refused(failure, "552 5.2.2 no"));
      await bounce();
      await bounce();
      await age(1);
      await bounce();
      expect(await suppressions()).toEqual([]);
      await age(1);
      await bounce();
      expect(await suppressions()).toMatchObject([{ reason: "bounced", days: 90 }]);
    },
  );

  it("is tried for as long as it takes something now and then", async () => {
    const recipients = await seed.recipients(1);
    for (const answer of [
      refused("mailbox_full", "552 no"),
      undefined,
      ...[1, 2].map(() => refused("mailbox_full", "552 no")),
    ]) {
      await age(1);
      await sendTo(recipients, answer);
    }
    expect(await suppressions()).toEqual([]);
  });

  it("is tried again once its time is over", async () => {
    const [recipient] = await seed.recipients(1);
    await pool.query(
      `INSERT INTO suppressions (id, channel, address, reason, created_by, expires_at)
       SELECT $1, 'email', lower(email), 'bounced', 'bootstrap', now() - interval '1 second' FROM recipients WHERE id = $2`,
      [newUuid(), recipient],
    );
    await sendTo([recipient!], refused("unknown_address", "550 5.1.1 gone"));
    expect(await suppressions()).toMatchObject([{ note: "550 5.1.1 gone", days: null }]);
  });
});

describe("a campaign whose messages are refused for good one after the other", () => {
  async function running(recipients: number) {
    await seed.recipients(recipients);
    const campaign = await seed.campaign({ laneCount: 1 });
    await createCampaignWorker(pool).advance(campaign.publicId);
    return campaign;
  }
  const read = async (id: string) =>
    (await pool.query("SELECT status, pause_detail FROM campaigns WHERE id = $1", [id])).rows[0];

  it.each<[string, Answer, object]>([
    [
      "for who sends them, is paused with the answer, and no message has failed",
      () => ({
        outcome: "transient",
        failure: "sender_refused",
        response: "550 5.7.1 <ada@example.org>: blocked",
        forgiven: true,
      }),
      { pending: 100 },
    ],
  ])("%s", async (_, answer, left) => {
    const campaign = await running(100);
    const worker = createCampaignWorker(pool, answer);
    await worker.drain(campaign.publicId, [0]);
    await vi.waitFor(
      async () =>
        expect(await read(campaign.id)).toEqual({
          status: "paused",
          pause_detail: "550 5.7.1 <…>: blocked",
        }),
      patience,
    );
    expect(await database.statuses()).toEqual(left);
    expect(worker.requests.length).toBeGreaterThanOrEqual(20);
  });

  it("goes on where it is their recipients who are refused", async () => {
    const campaign = await running(60);
    await createCampaignWorker(pool, refused("unknown_address", "550 5.1.1 gone")).drain(
      campaign.publicId,
      [0],
    );
    expect(await read(campaign.id)).toMatchObject({ status: "running", pause_detail: null });
    expect(await database.statuses()).toEqual({ failed: 60 });
    expect(await suppressions()).toHaveLength(60);
  });

  it("goes on where others are taken in between", async () => {
    const campaign = await running(60);
    let index = 0;
    await createCampaignWorker(pool, () =>
      index++ % 15 === 0
        ? "sent"
        : { outcome: "permanent", failure: "smtp_5xx", response: "554 no" },
    ).drain(campaign.publicId, [0]);
    expect(await read(campaign.id)).toMatchObject({ status: "running" });
  });
});

it("counts no attempt while a provider refuses whatever is sent", async () => {
  const [id] = await sendTo(await seed.recipients(1), () => ({
    outcome: "transient",
    failure: "sender_refused",
    response: "550 5.7.1 blocked",
    forgiven: true,
  }));
  const { rows } = await pool.query(
    "SELECT status, reason, attempt_count, forgiven_count FROM deliveries WHERE id = $1",
    [id],
  );
  expect(rows).toEqual([
    { status: "pending", reason: "sender_refused", attempt_count: 1, forgiven_count: 1 },
  ]);
});
