import { publicId } from "../../domain/ids.ts";
import { readRecentChanges, type RecentChanges } from "../../ledger/recent-changes.ts";
import type { Execute } from "../../ledger/sql.ts";

export const topics = ["campaigns", "deliveries", "queues", "health", "alerts"] as const;
export type Topic = (typeof topics)[number];

/** A hint that something of a topic has changed. */
export interface ChangeHint {
  topic: Topic;
  /** Ids of campaigns, deliveries or alerts, or names of queues. Others may have changed too: see `more`. */
  ids: string[];
  /** Whether something has changed that `ids` does not name. */
  more: boolean;
}

const mostIds = 100;

/** A reading; `updates` is null before the first. */
type Reading = Omit<RecentChanges, "updates"> & { updates: string | null };

/**
 * Finds what has changed since the last reading, with one statement for all readers. If a reading fails, the next one covers its time
 * too, so that no change is missed.
 */
export class ChangeFeed {
  readonly #execute: Execute;
  #last: Reading = { at: new Date(0), deliveries: [], campaigns: [], alerts: [], updates: null };

  constructor(execute: Execute) {
    this.#execute = execute;
  }

  /** Sets the ledger's time from which on changes are found. */
  begin(at: Date): void {
    this.#last = { at, deliveries: [], campaigns: [], alerts: [], updates: null };
  }

  async read(): Promise<ChangeHint[]> {
    const last = this.#last;
    const read = await readRecentChanges(this.#execute, last.at);
    this.#last = read;
    return hintsOf(read, last);
  }
}

function hintsOf(read: RecentChanges, last: Reading): ChangeHint[] {
  const known = new Set(last.deliveries.map(keyOf));
  const fresh = read.deliveries.filter((delivery) => !known.has(keyOf(delivery)));
  const versions = new Map(last.campaigns.map(({ id, version }) => [id, version]));
  const changed = read.campaigns.filter(({ id, version }) => versions.get(id) !== version);
  const campaignIds = [
    ...changed.map(({ id }) => id),
    ...fresh.flatMap((one) => one.campaignId ?? []),
  ];
  // Claims and retries are counted only, and what was found above is counted a little later.
  const others = last.updates !== null && read.updates !== last.updates;
  const seen = new Set(last.alerts.map(({ id, changedAt }) => `${id} ${changedAt}`));
  const alerts = read.alerts.filter(({ id, changedAt }) => !seen.has(`${id} ${changedAt}`));
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
    hintOf(
      "alerts",
      alerts.map(({ id }) => publicId("alert", id)),
      false,
    ),
  ];
  return hints.filter(({ ids, more }) => ids.length > 0 || more);
}

const keyOf = ({ id, ended }: RecentChanges["deliveries"][number]) => `${id} ${ended}`;

function hintOf(topic: Topic, all: readonly string[], others: boolean): ChangeHint {
  const ids = [...new Set(all)];
  return { topic, ids: ids.slice(0, mostIds), more: others || ids.length > mostIds };
}
