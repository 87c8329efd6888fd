import type { Context } from "hono";
import type { Execute } from "../../ledger/sql.ts";
import { releaseDeferredDeliveries } from "../../ledger/transitions.ts";
import type { ApiEnv } from "../http/context.ts";
import type { ApiDeps } from "../http/router.ts";
import { wakeFor } from "./changes.ts";

/**
 * Releases the deliveries that the policy holds for recipients, within the transaction of a request. Resolves with a function that
 * wakes their queues: call it after the commit.
 */
export async function releaseFor(
  c: Context<ApiEnv>,
  { wakes, config }: Pick<ApiDeps, "wakes" | "config">,
  execute: Execute,
  recipientIds: readonly string[],
): Promise<() => void> {
  const released = await releaseDeferredDeliveries(execute, recipientIds, config);
  return () => wakeFor(released, wakes, c.get("requestId"));
}
