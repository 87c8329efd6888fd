import type { Pool } from "pg";
import { expect } from "vitest";
import { newUuid, publicId } from "../../domain/ids.ts";
import type { ResolvedRoute } from "../../domain/policy/route.ts";
import type { Priority } from "../../domain/priority.ts";
import { acceptDeliveries } from "../../ledger/accept.ts";
import { createRoutes } from "../../ledger/routes.ts";
import { atLedgerTime } from "./ledger-time.ts";

/** Accepts a notification with a route to one recipient, into the only shard, and resolves with its UUID. With `at`, the ledger's clock is set to that instant. */
export async function acceptRouted(
  pool: Pool,
  {
    recipientId,
    route,
    versionId,
    at,
    priority = "normal",
    type = null,
  }: {
    recipientId: string;
    route: ResolvedRoute;
    /** The UUID of its template version. */
    versionId: string;
    at?: Date;
    priority?: Priority;
    /** The key of its notification type. */
    type?: string | null;
  },
): Promise<string> {
  const [routeId] = await createRoutes(pool).routeIds([{ origin: "request", document: route }]);
  const { rows } = await pool.query<{ id: string; batchable: boolean }>(
    "SELECT id, coalesce((document ->> 'batchable')::boolean, false) AS batchable FROM notification_types WHERE key = $1",
    [type],
  );
  const now = at ?? new Date();
  const id = newUuid(now);
  const [row] = await atLedgerTime(pool, at, () =>
    acceptDeliveries(
      pool,
      [
        {
          id,
          publicId: publicId("notification", id),
          versionId,
          contentId: null,
          mustBeActive: false,
          priority,
          channel: "email",
          data: {},
          sendAt: now,
          typeId: rows[0]?.id ?? null,
          occursAt: null,
          expiresAt: null,
          entityId: null,
          dedupKey: null,
          collapseKey: null,
          batchable: rows[0]?.batchable ?? false,
          bypassRateLimit: false,
          actions: [],
          test: false,
          scope: null,
          key: null,
          hash: null,
          valid: true,
          now,
          caller: "bootstrap",
          requestId: "request",
          isLater: false,
          room: 1_000,
          answerStatus: 202,
          auditId: null,
          address: null,
          externalIds: [],
          references: [publicId("recipient", recipientId)],
          recipientIds: [recipientId],
          routeIds: [routeId!],
        },
      ],
      { mailboxShards: 1, wait: true },
    ),
  );
  expect(row!.accepted).not.toBeNull();
  return id;
}
