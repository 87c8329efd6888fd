import type { Pool } from "pg";
import type { Channel } from "../../domain/channel.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import type { Preferences } from "../../domain/policy/preferences.ts";
import type { Priority } from "../../domain/priority.ts";

/** Inserts rows as the API writes them, without the API. */
export function createSeeder(pool: Pool) {
  return {
    /** Inserts recipients and returns their ids. Preferences that are given are version 1. */
    async recipients(
      count: number,
      {
        email = true,
        timeZone = "UTC",
        preferences,
      }: { email?: boolean; timeZone?: string; preferences?: Preferences } = {},
    ): Promise<string[]> {
      const ids = Array.from({ length: count }, () => newUuid());
      await pool.query(
        `INSERT INTO recipients (id, external_id, email, phone, attributes, time_zone, preferences, preferences_version)
         SELECT id, 'user-' || id, CASE WHEN $2 THEN 'user-' || id || '@example.org' END, '+1415' || lpad(place::text, 7, '0'), '{"firstName":"Ada"}',
           $3, $4, CASE WHEN $4::jsonb IS NULL THEN 0 ELSE 1 END
         FROM unnest($1::uuid[]) WITH ORDINALITY AS r(id, place)`,
        [ids, email, timeZone, preferences],
      );
      return ids;
    },

    async templateVersion(
      html = "<p>Hello {{ recipient.attributes.firstName }}</p>",
    ): Promise<string> {
      const [template, version] = [newUuid(), newUuid()];
      await pool.query("INSERT INTO templates (id, key, name) VALUES ($1, $2, 'A template')", [
        template,
        `template-${template}`,
      ]);
      await pool.query(
        "INSERT INTO template_versions (id, template_id, version, content, variables) VALUES ($1, $2, 1, $3, '{}')",
        [version, template, { email: { subject: "Hello", html } }],
      );
      return version;
    },

    /** Writes a new version of the policy, with these changes to the presets. */
    async policy(changes: object): Promise<void> {
      await pool.query(
        "INSERT INTO policy_versions (version, document, created_by) SELECT coalesce(max(version), 0) + 1, $1, 'test' FROM policy_versions",
        [changes],
      );
    },

    /** Inserts a campaign that is scheduled for `startAt` and not frozen. */
    async campaign({
      startAt = new Date(),
      laneCount = 2,
      guarantee = "at_least_once",
      templateVersionId,
      type,
      priority = "normal",
    }: {
      startAt?: Date;
      laneCount?: number;
      guarantee?: "at_least_once" | "at_most_once";
      templateVersionId?: string;
      /** The key of its notification type. */
      type?: string;
      priority?: Priority;
    } = {}): Promise<{ id: string; publicId: string }> {
      const id = newUuid();
      await pool.query(
        `INSERT INTO campaigns (id, name, status, template_version_id, audience, lane_count, guarantee, start_at, priority, type_id)
         VALUES ($1, 'A campaign', 'scheduled', $2, '{"all":true}', $3, $4, $5, $6, (SELECT id FROM notification_types WHERE key = $7))`,
        [
          id,
          templateVersionId ?? (await this.templateVersion()),
          laneCount,
          guarantee,
          startAt,
          priority,
          type ?? null,
        ],
      );
      return { id, publicId: publicId("campaign", id) };
    },

    /** Inserts a notification with one delivery for each recipient, all in `queue`. Returns the delivery ids in the order of the recipients. */
    async notification(input: {
      recipientIds: string[];
      queue: string;
      priority?: Priority;
      channel?: Channel;
      dueAt?: Date;
      templateVersionId?: string;
    }): Promise<string[]> {
      const { recipientIds, queue, priority = "normal", dueAt = new Date() } = input;
      const id = newUuid();
      await pool.query(
        "INSERT INTO notifications (id, template_version_id, priority, send_at) VALUES ($1, $2, $3, $4)",
        [id, input.templateVersionId ?? (await this.templateVersion()), priority, dueAt],
      );
      const deliveries = recipientIds.map(() => newUuid());
      await pool.query(
        `INSERT INTO deliveries (id, notification_id, recipient_id, channel, priority, queue, due_at)
         SELECT d.id, $1, d.recipient, $7::channel, $2, $3, $4 FROM unnest($5::uuid[], $6::uuid[]) AS d(id, recipient)`,
        [id, priority, queue, dueAt, deliveries, recipientIds, input.channel ?? "email"],
      );
      return deliveries;
    },
  };
}
