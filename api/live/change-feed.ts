import { publicId } from "../../domain/ids.ts";
import { readRecentChanges, type RecentChanges } from "../../ledger/recent-changes.ts";
import type { Execute } from "../../ledger/sql.ts";

export const topics = ["campaigns", "deliveries", "queues", "health"] as const;
export type Topic = (typeof topics)[number];

/** A hint that something of a topic has changed. */
export interface ChangeHint {
  topic: Topic;
  /** Ids of campaigns or deliveries, or names of queues. Others may have changed too: see `more`. */
  ids: string[];
  /** Whether something has changed that `ids` does not name. */
  more: boolean;
}

const mostIds = 100;

/**
 * Finds what has changed since the last reading, with one statement for all readers. If a reading fails, the next one covers its time
 * too, so that no change is missed.
 */
export class ChangeFeed {
  readonly #execute: Execute;
  /** The last reading; null before the first. */
  #last: RecentChanges | null = null;

  constructor(execute: Execute) {
    this.#execute = execute;
  }

  /** Forgets the last reading: the next one is the beginning. */
  forget(): void {
    this.#last = null;
  }

  /** @param now the ledger's time, at which the first reading begins */
  async read(now: Date): Promise<ChangeHint[]> {
    const last = this.#last;
    const read = await readRecentChanges(this.#execute, last?.at ?? now);
    this.#last = read;
    return last ? hintsOf(read, last) : [];
  }
}

function hintsOf(read: RecentChanges, last: RecentChanges): ChangeHint[] {
  const known = new Set(last.deliveries.map(keyOf));
  const fresh = read.deliveries.filter((delivery) => !known.has(keyOf(delivery)));
  const versions = new Map(last.campaigns.map(({ id, version }) => [id, version]));
  const changed = read.campaigns.filter(({ id, version }) => versions.get(id) !== version);
  const campaignIds = [
    ...changed.map(({ id }) => id),
    ...fresh.flatMap((one) => one.campaignId ?? []),
  ];
  // Claims and retries are counted only, and what was found above is counted a little later.
  const others = read.updates !== last.updates;
  const hints = [
    hintOf(
      "campaigns",
      campaignIds.map((id) => publicId("campaign", id)),
      false,
    ),
    hintOf(
      "deliveries",
      fresh.map(({ id }) => publicId("delivery", id)),
      others,
    ),
    hintOf(
      "queues",
      fresh.map(({ queue }) => queue),
      others,
    ),
  ];
  return hints.filter(({ ids, more }) => ids.length > 0 || more);
}

const keyOf = ({ id, ended }: RecentChanges["deliveries"][number]) => `${id} ${ended}`;

function hintOf(topic: Topic, all: readonly string[], others: boolean): ChangeHint {
  const ids = [...new Set(all)];
  return { topic, ids: ids.slice(0, mostIds), more: others || ids.length > mostIds };
}
