import type { ReadRulebook, Rulebook } from "../../ledger/rulebook.ts";
import type { Load } from "../../domain/policy/batching.ts";
import { waitingDigests } from "../../domain/delivery/queues.ts";
import type { DueDelivery, Ledger } from "../../ledger/ledger.ts";
import type { Merges } from "../../ledger/merging.ts";
import type { RepeatLookup } from "../../ledger/repeats.ts";
import type { Sources } from "../../ledger/sources.ts";
import type { Stages } from "../../ledger/stages.ts";
import type { Suppressions } from "../../ledger/suppressions.ts";
import type { Channels } from "../channels/channels.ts";
import type { Passage } from "../channels/passage.ts";
import type { Summaries } from "./content.ts";
import {
  decidePage,
  holdOutgoing,
  type Outgoing,
  type PageDecisions,
  wasLeftBehind,
} from "./decide-page.ts";
import type { ChannelKnowledge } from "./judge-stage.ts";
import type { Releases, WatchGate } from "./release.ts";
import type { Item, SendJob, SendOutcome } from "./send-job.ts";

/** `held`: policy makes the row wait, alone or in a group. */
export type DispatchOutcome = SendOutcome | "held";

/** What a page of due deliveries is decided with and written to. */
export interface PageDeps {
  ledger: Pick<Ledger, "membersOf" | "settle" | "decided">;
  channels: Pick<Channels, "get">;
  releases: Releases;
  /** The maximum number of hand-overs of a delivery, as in the retry policy. */
  attemptLimit: number;
  suppressions: Suppressions;
  repeats: RepeatLookup;
  stages: Stages;
  merges: Merges;
  summaries: Summaries;
  rulebook: ReadRulebook;
  /** The number of messages that wait to be sent, as last read. */
  load: () => Load;
  mailboxShards: number;
  /** Starts the workflow of a queue, or makes it look again. */
  wake: (queue: string) => Promise<void>;
}

/** The dispatch that a page is decided for. */
export interface PageTaker {
  /** The name of its queue. */
  readonly queue: string;
  readonly sources: Sources;
  readonly now: () => Date;
  /** The rows that the dispatch has in hand. */
  readonly inHand: { readonly ids: string[]; add(rows: readonly DueDelivery[]): void };
  /** The number of messages to a recipient that are already on their way. */
  ahead(recipientId: string): number;
  /** Takes a row that has changed out of hand, so that it is read again. */
  allowReread(id: string): void;
  /** Takes a row that needs no hand-over out of hand, and counts its outcome. */
  endRow(id: string, outcome: DispatchOutcome): void;
  /** Watches a gate until the dispatch ends. */
  readonly watchGate: WatchGate;
  /** `passage` is the message's passage through the gate of releases. */
  submit(message: Outgoing, contentOf: SendJob["contentOf"], passage?: Passage): void;
}

/**
 * Decides on due rows, and on the other members of their groups. Rows that need no hand-over are written before the promise
 * resolves; the others are submitted to the sender.
 */
export async function takePage(
  deps: PageDeps,
  taker: PageTaker,
  found: readonly DueDelivery[],
): Promise<void> {
  const { items, rulebook, ...known } = await loadPage(deps, taker, found);
  // The rows are due by the ledger's clock, even if this worker's clock is behind.
  const dueMs = items.map(({ delivery }) => delivery.dueAt.getTime());
  const at = new Date(Math.max(taker.now().getTime(), ...dueMs));
  const page = decidePage({
    items,
    at,
    rulebook,
    ...known,
    load: deps.load(),
    ahead: (recipientId) => taker.ahead(recipientId),
    recoveredAt: (channel) => deps.channels.get(channel)?.recoveredAt() ?? null,
    isOffered: (channel) => deps.channels.get(channel) !== undefined,
    attemptLimit: deps.attemptLimit,
    mailboxShards: deps.mailboxShards,
  });
  const { passages, postponed } = await deps.releases.release(
    page.outgoing,
    rulebook.policy,
    at,
    taker.watchGate,
  );
  for (const [message, until] of postponed) page.decided.push(...holdOutgoing(message, until, at));
  await writePage(deps, taker, page, at);

  const outgoing = page.outgoing.filter((message) => !postponed.has(message));
  const firsts = outgoing.map((message) => message.items[0]!);
  const summarise = await deps.summaries.of(firsts, rulebook.policy);
  for (const message of outgoing)
    taker.submit(message, (claimed) => summarise(claimed, taker.now()), passages.get(message));
}

/** Reads the facts for the decisions, in a few statements for all rows. */
async function loadPage(
  deps: PageDeps,
  { inHand, now, sources }: PageTaker,
  found: readonly DueDelivery[],
): Promise<{
  items: Item[];
  rulebook: Rulebook;
  suppressionOf: ChannelKnowledge["suppressionOf"];
  repeatsOf: Awaited<ReturnType<RepeatLookup["of"]>>;
}> {
  const groups = new Set(
    found.flatMap((row) => (row.group && !wasLeftBehind(row) ? row.group.id : [])),
  );
  const others =
    groups.size === 0
      ? []
      : await deps.ledger.membersOf({ groups: [...groups], except: inHand.ids });
  inHand.add(others);
  const { items, rulebook, suppressionOf } = await loadItems(deps, sources, [...found, ...others]);
  const { deduplicationSeconds } = rulebook.policy;
  const repeatsOf = await deps.repeats.of(items, now(), deduplicationSeconds);
  return { items, rulebook, suppressionOf, repeatsOf };
}

/** Reads the sources, the stages and the suppressed addresses of deliveries, and the rules in force. */
export async function loadItems(
  deps: Pick<PageDeps, "stages" | "rulebook" | "suppressions">,
  sources: Sources,
  read: readonly DueDelivery[],
): Promise<{
  items: Item[];
  rulebook: Rulebook;
  suppressionOf: ChannelKnowledge["suppressionOf"];
}> {
  const stageOf = await deps.stages.of(read);
  const due = read.map((delivery) => withRoutedTemplate(delivery, stageOf));
  const [rulebook, sourceOf, suppressionOf] = await Promise.all([
    deps.rulebook(),
    sources.of(due),
    deps.suppressions.of(due),
  ]);
  const items = due.map((delivery, index): Item => {
    const stage = stageOf(delivery);
    return {
      delivery,
      source: sourceOf(delivery, rulebook),
      stage: stage && { ...stage, content: sourceOf(read[index]!, rulebook).content },
    };
  });
  return { items, rulebook, suppressionOf };
}

/** The delivery with the template version that its route has chosen for its channel, unless a retry has chosen one. */
function withRoutedTemplate(
  delivery: DueDelivery,
  stageOf: Awaited<ReturnType<Stages["of"]>>,
): DueDelivery {
  const versionId = stageOf(delivery)?.route.templates?.[delivery.channel];
  if (versionId === undefined || delivery.templateVersionId !== null) return delivery;
  return { ...delivery, templateVersionId: versionId };
}

/** Writes the rows that need no hand-over. */
async function writePage(
  deps: PageDeps,
  taker: PageTaker,
  { settled, decided, merging }: PageDecisions,
  at: Date,
): Promise<void> {
  await Promise.all([
    settled.length === 0 ? null : deps.ledger.settle(settled),
    deps.ledger.decided(decided),
    deps.merges.merge(merging, at),
  ]);
  for (const { id, settlement } of settled)
    if (settlement.status === "pending") taker.allowReread(id);
    else taker.endRow(id, settlement.status);
  for (const { id, dueAt, channel } of decided)
    if (channel !== undefined) taker.allowReread(id);
    else taker.endRow(id, dueAt === null ? "suppressed" : "held");
  for (const { id } of merging) taker.endRow(id, "held");
  // Rows that were merged into a group of another queue are drained by that queue's workflow, which may not run.
  const elsewhere = new Set(merging.map((row) => row.queue));
  elsewhere.delete(taker.queue);
  elsewhere.delete(waitingDigests);
  await Promise.all([...elsewhere].map((name) => deps.wake(name)));
}
