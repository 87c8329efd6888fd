import { describe, expect, it } from "vitest";
import type { AttemptFailure } from "../../domain/delivery/attempt.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import type { InboundReport } from "../../domain/inbound-report.ts";
import type { Route } from "../../domain/policy/route.ts";
import type { ActionTarget } from "../../domain/tokens.ts";
import { engagementsNow, recordEngagements } from "../../ledger/engagement.ts";
import { recordInbound, StillSending } from "../../ledger/inbound-reports.ts";
import { applyOperatorChange } from "../../ledger/operator-changes.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { acceptRouted } from "../support/accept-routed.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const queue = "mailbox/0";
const database = useLedgerDatabase({
  truncate: "routes, engagements, suppressions, events, inbound_reports",
});

/** Sends a message to each recipient, and resolves with the UUIDs of the deliveries. */
async function sendTo(recipientIds: string[]): Promise<string[]> {
  const ids = await database.seed.notification({ recipientIds, queue });
  await createCampaignWorker(database.pool).dispatch(queue);
  return ids;
}

async function sendRouted(route: Route): Promise<[delivery: string, recipient: string]> {
  const [recipientId] = (await database.seed.recipients(1)) as [string];
  const versionId = await database.seed.templateVersion();
  await acceptRouted(database.pool, { recipientId, route, versionId, at: new Date() });
  await createCampaignWorker(database.pool).dispatch(queue);
  const { rows } = await database.pool.query<{ id: string }>(
    "SELECT id FROM ended_deliveries WHERE recipient_id = $1 AND leg = 'primary'",
    [recipientId],
  );
  return [rows[0]!.id, recipientId];
}

let number = 0;

async function report(
  message: ActionTarget,
  given: Partial<InboundReport> & Pick<InboundReport, "kind">,
  id = `report ${(number += 1)}`,
  source = "smtp",
) {
  const one = { addresses: [], failure: null, reply: null, at: null, ...given };
  return inTransaction(database.pool, (client) =>
    recordInbound(executeOn(client), { id, source, message, reports: [one] }),
  );
}

const returned = (delivery: string, failure: AttemptFailure = "unknown_address", id?: string) =>
  report(
    { delivery },
    { kind: "bounced", failure, reply: "550 5.1.1 <gone@example.org>: unknown" },
    id,
  );

const readDeliveries = async () =>
  (
    await database.pool.query(
      "SELECT leg, channel, status, reason, detail FROM deliveries ORDER BY leg, status DESC",
    )
  ).rows as unknown[];

const readSuppressions = async () =>
  (
    await database.pool.query(
      "SELECT address, reason, note, extract(day FROM expires_at - created_at)::int AS days FROM suppressions",
    )
  ).rows as unknown[];

const readEngagements = async () =>
  (
    await database.pool.query(
      "SELECT delivered_at IS NOT NULL AS delivered, bounced_at IS NOT NULL AS bounced, complained_at IS NOT NULL AS complained FROM engagements",
    )
  ).rows as unknown[];

describe("a returned message", () => {
  it("has failed, once, with the answer but no address, and its recipient is suppressed", async () => {
    const recipients = await database.seed.recipients(2);
    const [id] = await sendTo(recipients);
    expect(await returned(id!, "unknown_address", "same")).toEqual({
      outcome: "bounced",
      changed: [],
    });
    expect((await returned(id!, "unknown_address", "same")).outcome).toBe("repeated");
    expect(await readDeliveries()).toEqual([
      {
        leg: "primary",
        channel: "email",
        status: "failed",
        reason: "bounced",
        detail: "550 5.1.1 <…>: unknown",
      },
      { leg: "primary", channel: "email", status: "sent", reason: null, detail: null },
    ]);
    expect(await readSuppressions()).toEqual([
      {
        address: `user-${recipients[0]}@example.org`,
        reason: "bounced",
        note: "550 5.1.1 <…>: unknown",
        days: null,
      },
    ]);
    expect(await readEngagements()).toEqual([
      { delivered: false, bounced: true, complained: false },
    ]);
    const { rows } = await database.pool.query(
      "SELECT outcome, failure FROM attempts WHERE delivery_id = $1",
      [id],
    );
    expect(rows).toEqual([{ outcome: "sent", failure: "unknown_address" }]);
  });

  it("counts as refused ones do: three days for a full mailbox, never for a blocked sender", async () => {
    const recipients = await database.seed.recipients(1);
    for (const failure of ["mailbox_full", "sender_refused"] as const)
      for (let day = 0; day < 3; day += 1) {
        const [id] = await sendTo(recipients);
        await returned(id!, failure);
        await database.pool.query(
          "UPDATE ended_deliveries SET attempt_finished_at = attempt_finished_at - interval '1 day', finished_at = finished_at - interval '1 day'",
        );
        await database.pool.query("TRUNCATE delivery_counts, delivery_count_changes");
        if (failure === "mailbox_full" && day < 2) expect(await readSuppressions()).toEqual([]);
        if (failure === "mailbox_full" && day === 2) {
          expect(await readSuppressions()).toMatchObject([{ reason: "bounced", days: 90 }]);
          await database.pool.query("TRUNCATE suppressions, ended_deliveries CASCADE");
        }
      }
    expect(await readSuppressions()).toEqual([]);
    await database.empty();
  });

  it("stays returned, in whichever order reports come", async () => {
    const [first, second] = await sendTo(await database.seed.recipients(2));
    await report({ delivery: first! }, { kind: "delivered" });
    expect(await database.statuses()).toEqual({ delivered: 1, sent: 1 });
    await returned(first!);
    await returned(second!);
    await report({ delivery: second! }, { kind: "delivered" });
    expect(await database.statuses()).toEqual({ failed: 2 });
    expect(await readEngagements()).toEqual(
      Array(2).fill({ delivered: true, bounced: true, complained: false }),
    );
  });

  it("that an operator sends again, and that is returned again, is another bounce, and suppresses its address again", async () => {
    const [id] = await sendTo(await database.seed.recipients(1));
    const bouncedEvents = async () =>
      (await database.pool.query("SELECT FROM events WHERE kind = 'delivery.bounced'")).rowCount;
    await returned(id!);
    // The second report of the same hand-over is about no other one.
    await returned(id!);
    expect(await bouncedEvents()).toBe(1);
    await database.pool.query("TRUNCATE suppressions");
    await inTransaction(database.pool, (client) =>
      applyOperatorChange(
        executeOn(client),
        { action: "retry", includeUnknown: false, templateVersion: null },
        [id!],
        { mailboxShards: 1 },
      ),
    );
    await createCampaignWorker(database.pool).dispatch(queue);
    expect(await database.statuses()).toEqual({ sent: 1 });
    await returned(id!);
    expect(await readDeliveries()).toMatchObject([{ status: "failed", reason: "bounced" }]);
    expect(await readSuppressions()).toMatchObject([{ reason: "bounced" }]);
    expect(await bouncedEvents()).toBe(2);
    const { rows } = await database.pool.query(
      "SELECT failure FROM attempts WHERE delivery_id = $1 ORDER BY number",
      [id],
    );
    expect(rows).toEqual(Array(2).fill({ failure: "unknown_address" }));
  });

  it("that its recipient has read was forwarded, and changes nothing", async () => {
    const [id] = await sendTo(await database.seed.recipients(1));
    await inTransaction(database.pool, (client) =>
      recordEngagements(executeOn(client), engagementsNow([id!], "opened")),
    );
    await returned(id!);
    expect(await database.statuses()).toEqual({ sent: 1 });
    expect(await readSuppressions()).toEqual([]);
    expect(await readEngagements()).toMatchObject([{ bounced: false }]);
  });

  it("suppresses no address that the recipient got later, or that received a copy", async () => {
    const recipients = await database.seed.recipients(1);
    const [moved] = await sendTo(recipients);
    await database.pool.query(
      "UPDATE recipients SET email = 'new@example.org', updated_at = ledger_now()",
    );
    const old = { addresses: [`user-${recipients[0]}@example.org`] };
    const failed = { kind: "bounced", failure: "unknown_address", reply: "550 5.1.1" } as const;
    await report({ delivery: moved! }, { ...failed, ...old });
    expect(await readSuppressions()).toEqual([]);
    expect(await database.statuses()).toEqual({ failed: 1 });

    const [copied] = await sendTo(recipients);
    await database.pool.query(
      "INSERT INTO notification_copies (notification_id, position, kind, address) SELECT notification_id, 0, 'cc', 'Boss@Example.org' FROM ended_deliveries WHERE id = $1",
      [copied],
    );
    await report({ delivery: copied! }, { ...failed, addresses: ["boss@example.org"] });
    expect(await database.statuses()).toEqual({ failed: 1, sent: 1 });
    const ofCopy = { kind: "unsubscribed", addresses: ["boss@example.org"] } as const;
    expect((await report({ delivery: copied! }, ofCopy)).outcome).toBe("other");
    // It may be the person with the copy who complains.
    await report({ delivery: copied! }, { kind: "complained" });
    expect(await readSuppressions()).toEqual([]);
    await report({ delivery: copied! }, { ...failed, addresses: ["NEW@example.org"] });
    expect(await database.statuses()).toEqual({ failed: 2 });
    expect(await readSuppressions()).toMatchObject([{ address: "new@example.org" }]);
  });

  it("has to be reported again while it is being handed over", async () => {
    const [id] = await database.seed.notification({
      recipientIds: await database.seed.recipients(1),
      queue,
    });
    await database.pool.query(
      "UPDATE open_deliveries SET lease_token = $1, lease_until = ledger_now() + interval '1 minute'",
      [newUuid()],
    );
    await expect(returned(id!, "unknown_address", "early")).rejects.toThrow(StillSending);
    await database.pool.query("UPDATE open_deliveries SET lease_token = NULL, lease_until = NULL");
    await createCampaignWorker(database.pool).dispatch(queue);
    expect((await returned(id!, "unknown_address", "early")).outcome).toBe("bounced");
    expect(await database.statuses()).toEqual({ failed: 1 });
  });

  it("is about all deliveries that went out in its group, and about none that is gone", async () => {
    const ids = await sendTo(await database.seed.recipients(1));
    const group = newUuid();
    await database.pool.query(
      `INSERT INTO groups (id, kind, recipient_id, channel, priority, status, member_count, closes_at)
       SELECT $1, 'batch', recipient_id, 'email', 'normal', 'closed', 1, ledger_now() FROM ended_deliveries`,
      [group],
    );
    await database.pool.query("UPDATE ended_deliveries SET group_id = $1", [group]);
    expect(ids).toHaveLength(1);
    await report({ group }, { kind: "bounced", failure: "mailbox_full", reply: "552 5.2.2" });
    expect(await database.statuses()).toEqual({ failed: 1 });
    expect((await returned(newUuid())).outcome).toBe("unknown");
  });
});

describe("a returned message with a route", () => {
  const fallback: Route = { stages: [{ via: ["email", "push", "in_app"] }] };

  it("goes on on the next channel on which its recipient has an address", async () => {
    const [id] = await sendRouted(fallback);
    const { changed } = await returned(id);
    expect(changed).toMatchObject([{ id, queue }]);
    expect(await readDeliveries()).toMatchObject([
      { channel: "in_app", status: "pending", reason: "next_channel" },
    ]);
    const { rows } = await database.pool.query(
      "SELECT channel, outcome, failure, response FROM attempts",
    );
    expect(rows).toEqual([
      {
        channel: "email",
        outcome: "sent",
        failure: "unknown_address",
        response: expect.stringMatching(/550 5\.1\.1 <…>: unknown$/),
      },
    ]);
    // Another report of the same message has nothing left to change.
    await returned(id);
    expect(await readDeliveries()).toMatchObject([{ channel: "in_app", status: "pending" }]);
  });

  it("goes on although its campaign is over, and not if it was cancelled or a day has passed", async () => {
    for (const [status, since, expected] of [
      ["completed", "1 hour", "pending"],
      ["cancelled", "1 hour", "failed"],
      ["completed", "25 hours", "failed"],
    ]) {
      await database.empty();
      const [id] = await sendRouted(fallback);
      const { id: campaignId } = await database.seed.campaign();
      await database.pool.query(
        "UPDATE campaigns SET status = $1::campaign_status, finished_at = ledger_now()",
        [status],
      );
      await database.pool.query(
        "UPDATE ended_deliveries SET campaign_id = $1, notification_id = NULL, finished_at = finished_at - $2::interval",
        [campaignId, since],
      );
      const { changed } = await returned(id);
      expect(await database.statuses()).toEqual({ [expected!]: 1 });
      const { rows } = await database.pool.query("SELECT status FROM campaigns");
      expect(rows).toEqual([{ status: expected === "pending" ? "running" : status }]);
      expect(changed).toHaveLength(expected === "pending" ? 1 : 0);
      await database.empty();
    }
  });

  it("lets the stage after it begin at once", async () => {
    const [id] = await sendRouted({
      stages: [{ via: ["email"] }, { via: ["in_app"], after: { minutes: 60, unless: "read" } }],
    });
    const { changed } = await returned(id);
    expect(changed).toHaveLength(1);
    const { rows } = await database.pool.query(
      "SELECT leg, status, due_at <= ledger_now() AS due FROM deliveries ORDER BY leg",
    );
    expect(rows).toEqual([
      { leg: "primary", status: "failed", due: null },
      { leg: "stage:1", status: "pending", due: true },
    ]);
  });
});

describe("other reports", () => {
  it("of complaints suppress the address until a provider says that the message is wanted, and no mail says so", async () => {
    const recipients = await database.seed.recipients(1);
    const [id, other] = [...(await sendTo(recipients)), ...(await sendTo(recipients))];
    await database.pool.query(
      "INSERT INTO suppressions (id, channel, address, reason, created_by) SELECT $1, 'email', email, 'unsubscribed', 'recipient' FROM recipients",
      [newUuid()],
    );
    await report({ delivery: id! }, { kind: "complained" });
    const complained = { address: `user-${recipients[0]}@example.org`, reason: "complained" };
    expect(await readSuppressions()).toMatchObject([{ ...complained, days: null }]);
    expect(await readEngagements()).toMatchObject([{ complained: true }]);
    expect(await database.statuses()).toEqual({ sent: 2 });
    await report({ delivery: other! }, { kind: "not_spam" }, "other", "ses");
    expect(await readSuppressions()).toMatchObject([complained]);
    await report({ delivery: id! }, { kind: "not_spam" });
    expect(await readSuppressions()).toMatchObject([complained]);
    await report({ delivery: id! }, { kind: "not_spam" }, "own", "ses");
    expect(await readSuppressions()).toEqual([]);
    const { rows } = await database.pool.query(
      "SELECT kind, message_id FROM inbound_reports ORDER BY received_at",
    );
    expect(rows.map(({ kind }) => kind as string)).toEqual([
      "complained",
      ...Array(3).fill("not_spam"),
    ]);
    expect(publicId("delivery", rows[0]!.message_id as string)).toBe(publicId("delivery", id!));
  });

  it("of delays and absence only count", async () => {
    const [id] = await sendTo(await database.seed.recipients(1));
    for (const kind of ["delayed", "automatic"] as const)
      expect((await report({ delivery: id! }, { kind })).outcome).toBe(kind);
    expect(await database.statuses()).toEqual({ sent: 1 });
    expect(await readEngagements()).toEqual([]);
  });
});
