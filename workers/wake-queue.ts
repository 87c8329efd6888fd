import type { Client } from "@temporalio/client";
import type { Pool } from "pg";
import { notifyListener } from "../ledger/queue-listener.ts";
import { wakeQueue } from "../workflows/client.ts";

/** Wakes a queue: notifies the dispatch that listens to it, or signals its workflow if none listens. */
export const createWakeQueue =
  (pool: Pick<Pool, "query">, client: Client) =>
  async (queue: string): Promise<void> => {
    if (!(await notifyListener(pool, queue))) await wakeQueue(client, queue);
  };
