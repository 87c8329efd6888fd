import type { Client } from "@temporalio/client";
import type { Pool } from "pg";
import { notifyListener } from "../ledger/queue-listener.ts";
import { wakeQueue } from "../workflows/client.ts";

/** Has a queue looked at: by the dispatch that listens to it, or by its workflow where none does. */
export const createWakeQueue =
  (pool: Pick<Pool, "query">, client: Client) =>
  async (queue: string): Promise<void> => {
    if (!(await notifyListener(pool, queue))) await wakeQueue(client, queue);
  };
