import { describeError } from "../../config/describe-error.ts";
import { type InboxChange, notifyOfChange } from "../../ledger/inbox-hints.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { Services } from "../services.ts";

/**
 * Announces a change of an inbox, which must be committed, to the streams of all API processes. Nobody waits for it: streams that do not hear of
 * it find the change with their next heartbeat.
 */
export function announceChange(
  { pool, logger }: Pick<Services, "pool" | "logger">,
  change: InboxChange,
): void {
  notifyOfChange(executeOn(pool), change).catch((error: unknown) =>
    logger.debug({ error: describeError(error) }, "a change of an inbox was not announced"),
  );
}
