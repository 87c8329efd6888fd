import type { Pool } from "pg";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import type { ActionLinks } from "../../domain/action-links.ts";
import type { RetryPolicy } from "../../domain/delivery/settle.ts";
import type { Channel } from "../channels/channel.ts";
import { createDispatch } from "./loop.ts";
import { createRepeatLookup } from "../../ledger/repeats.ts";
import { createGates, type Gates } from "../../ledger/gates.ts";
import { createHandOver } from "./sender.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { createLoad } from "../../ledger/queue-pressure.ts";
import { createMerges } from "../../ledger/merging.ts";
import { createSources } from "../../ledger/sources.ts";
import { createSummaries } from "./content.ts";
import { createSuppressions } from "../../ledger/suppressions.ts";

/** `dispatch` over one channel, with all that it reads from the ledger's database. */
export function createDispatcher({
  pool,
  ledger,
  gates = createGates(pool),
  channel,
  retry,
  inFlightBound,
  mailboxShards,
  links,
  wake,
  lingerMs,
}: {
  pool: Pool;
  ledger: Ledger;
  gates?: Gates;
  channel: Channel;
  retry: RetryPolicy;
  inFlightBound: number;
  mailboxShards: number;
  links: ActionLinks;
  /** Starts the workflow of a queue, or has it look again. */
  wake: (queue: string) => Promise<void>;
  lingerMs?: number;
}) {
  return createDispatch({
    ledger,
    channel,
    gates,
    handOver: createHandOver({ ledger, channel, retry, inFlightBound }),
    attemptLimit: retry.attempts,
    sources: () => createSources(pool),
    suppressions: createSuppressions(pool),
    repeats: createRepeatLookup(pool),
    merges: createMerges(pool),
    summaries: createSummaries({ pool, links }),
    rulebook: createRulebookReader(pool),
    load: createLoad(pool),
    mailboxShards,
    wake,
    ...(lingerMs !== undefined && { lingerMs }),
  });
}
