import type { Pool } from "pg";
import { newUuid, publicId } from "../../domain/ids.ts";
import { createSeeder } from "./seed.ts";

export const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);

type Open = "pending" | "sending";
type Ended = "sent" | "delivered" | "failed" | "suppressed" | "cancelled" | "unknown";

/** Inserts rows as if they had been created and had ended at other times than now. */
export function createExpiringRows(pool: Pick<Pool, "query">) {
  const seed = createSeeder(pool as Pool);

  /** Inserts one delivery for each recipient, and an attempt for each ended one. */
  async function insert(input: {
    source: { campaign: string } | { notification: string };
    recipients: string[];
    at: Date;
    finishedAt?: Date;
    status?: Open | Ended;
    queue?: string;
  }): Promise<string[]> {
    const { source, recipients, at, status = "sent", queue = "mailbox/9" } = input;
    const open = status === "pending" || status === "sending";
    const finishedAt = open ? null : (input.finishedAt ?? at);
    const ids = recipients.map(() => newUuid(at)).sort();
    await pool.query(
      `INSERT INTO deliveries (id, campaign_id, notification_id, recipient_id, channel, priority, queue, status, reason, due_at, finished_at, created_at)
       SELECT d.id, $1, $2, d.recipient, 'email', 'normal', $3, $4, CASE WHEN $4 > 'delivered'::delivery_status THEN 'as_it_ended' END, CASE WHEN $5::timestamptz IS NULL THEN $6::timestamptz END, $5, $6
       FROM unnest($7::uuid[], $8::uuid[]) AS d(id, recipient)`,
      [
        "campaign" in source ? source.campaign : null,
        "notification" in source ? source.notification : null,
        queue,
        status,
        finishedAt,
        at,
        ids,
        recipients,
      ],
    );
    if (!open)
      await pool.query(
        `INSERT INTO attempts (delivery_id, number, channel, outcome, started_at, finished_at) SELECT id, 1, 'email', 'sent', $2, $2 FROM unnest($1::uuid[]) AS id`,
        [ids, finishedAt],
      );
    return ids;
  }

  return {
    async campaign(input: {
      finishedAt: Date | null;
      recalledAt?: Date;
      corrects?: string;
      audience?: number;
    }): Promise<{ id: string; publicId: string }> {
      const id = newUuid(daysAgo(200));
      const { finishedAt, recalledAt = null, corrects = null, audience = null } = input;
      await pool.query(
        `INSERT INTO campaigns (id, name, status, template_version_id, audience, lane_count, finished_at, frozen_at, recalled_at, corrects_id, audience_count)
         VALUES ($1, 'A campaign', $2, $3, '{"all":true}', 2, $4, $4, $5, $6, $7)`,
        [
          id,
          finishedAt ? "completed" : corrects ? "draft" : "running",
          await seed.templateVersion(),
          finishedAt,
          recalledAt,
          corrects,
          audience,
        ],
      );
      return { id, publicId: publicId("campaign", id) };
    },

    /** Inserts deliveries, each to a new recipient. */
    async deliveries(input: {
      campaign: string;
      count: number;
      at: Date;
      finishedAt?: Date;
      status?: Open | Ended;
    }): Promise<string[]> {
      const { campaign, count, ...rest } = input;
      return insert({ source: { campaign }, recipients: await seed.recipients(count), ...rest });
    },

    async notification(input: {
      recipients: string[];
      at: Date;
      finishedAt?: Date;
      status?: Open | Ended;
      queue?: string;
    }): Promise<{ id: string; deliveries: string[] }> {
      const id = newUuid(input.at);
      await pool.query(
        "INSERT INTO notifications (id, template_version_id, send_at, created_at) VALUES ($1, $2, $3, $3)",
        [id, await seed.templateVersion(), input.at],
      );
      return { id, deliveries: await insert({ source: { notification: id }, ...input }) };
    },

    async auditEntry(at: Date): Promise<string> {
      const id = newUuid(at);
      await pool.query(
        "INSERT INTO audit_entries (id, actor, action, resource, request_id, created_at) VALUES ($1, 'bootstrap', 'template.create', 'a', 'r', $2)",
        [id, at],
      );
      return id;
    },

    async idempotencyKey(key: string, at: Date): Promise<void> {
      await pool.query(
        `INSERT INTO idempotency_keys (scope, key, request_hash, status, body, created_at) VALUES ('a', $1, 'h', 202, '{}', $2)`,
        [key, at],
      );
    },

    async event(input: { delivery: string; at: Date }): Promise<string> {
      const id = newUuid(input.at);
      await pool.query(
        "INSERT INTO events (id, kind, delivery_id, created_at) VALUES ($1, 'delivery.viewed', $2, $3)",
        [id, input.delivery, input.at],
      );
      return id;
    },

    /** Inserts a group with `delivery` as its member. */
    async group(input: { recipient: string; at: Date; delivery?: string }): Promise<string> {
      const id = newUuid(input.at);
      await pool.query(
        "INSERT INTO groups (id, kind, recipient_id, channel, status, closes_at, created_at) VALUES ($1, 'batch', $2, 'email', 'closed', $3, $3)",
        [id, input.recipient, input.at],
      );
      await pool.query("UPDATE deliveries SET group_id = $1 WHERE id = $2", [
        id,
        input.delivery ?? null,
      ]);
      return id;
    },

    async gate(key: string): Promise<void> {
      await pool.query("INSERT INTO gates (key, permits_per_second, burst) VALUES ($1, 1, 1)", [
        key,
      ]);
    },
  };
}
