import type { Attempt } from "../../../domain/delivery/attempt.ts";
import { channelGate } from "../../../domain/delivery/gates.ts";
import { parsePublicId } from "../../../domain/ids.ts";
import type { ItemContent } from "../../../domain/inbox.ts";
import { addInboxItems } from "../../../ledger/inbox.ts";
import { notifyOfItems } from "../../../ledger/inbox-hints.ts";
import { isDataFault, type Execute } from "../../../ledger/sql.ts";
import { createGatherer } from "../../../lib/gathering.ts";
import type { Channel, SendRequest, SendResult } from "../channel.ts";
import type { GateCache } from "../gate-cache.ts";
import { passAll } from "../passage.ts";
import { Rendering, TakesLong, unrenderable } from "../rendering.ts";
import { createInAppRenderer } from "./in-app-renderer.ts";
import type { InAppText } from "./in-app-writer.ts";
import { InboxHints } from "./inbox-hints.ts";

/** The provider in attempts: the inbox is a table of the ledger. */
const inboxProvider = "inbox";

/** The gate that the channel passes. */
export const inAppGates: readonly string[] = [channelGate("in_app")];

export interface InAppOptions {
  execute: Execute;
  /** The gate of `inAppGates`. */
  gates: Pick<GateCache, "of">;
  /** As in `Channel`. It only bounds the work in progress, because a repeat adds no second item. */
  inFlightBound: number;
  /** Returns milliseconds since the epoch. */
  clock?: () => number;
}

/** The most items that one statement adds, and the statements that run at once. */
const itemsTogether = 100;
const statementsAtOnce = 2;

/** How long to wait for a gate that says nothing. */
const soonMs = 1_000;

/**
 * Creates the channel to the inboxes of recipients. To send a message is to add an item whose id is that of the delivery or the group, so
 * that a message which is handed over again after a crash is still one item: the channel delivers exactly once.
 */
export function createInAppChannel({
  execute,
  gates,
  inFlightBound,
  clock = Date.now,
}: InAppOptions): Channel {
  const rendering = new Rendering(createInAppRenderer(), {
    clock,
    maxWaiting: Math.max(1, Math.floor(inFlightBound / 2)),
  });
  const gate = gates.of(channelGate("in_app"));
  const hints = new InboxHints((items) => notifyOfItems(execute, items));

  /** Adds items, and announces those that are new. Resolves with whether the inbox of each has it. */
  async function addItems(items: readonly ItemContent[]): Promise<boolean[]> {
    const added = await addInboxItems(execute, items);
    hints.add(
      items.flatMap(({ id, recipientId }) =>
        added.get(id)?.isNew ? [{ recipientId, itemId: id }] : [],
      ),
    );
    return items.map(({ id }) => added.get(id)?.isStored ?? false);
  }

  const store = createGatherer<ItemContent, boolean>({
    doTogether: addItems,
    doApart: async (item) => (await addItems([item]))[0]!,
    isOneItemsFault: isDataFault,
    most: itemsTogether,
    atOnce: statementsAtOnce,
  });

  const hold = (): SendResult => {
    const opensAt = gate.opensAt(clock());
    return {
      kind: "held",
      reason: "provider_rate",
      until: new Date(opensAt ?? clock() + soonMs),
    };
  };

  async function render(request: SendRequest): Promise<{ message: InAppText } | SendResult> {
    if (!rendering.isApart(request)) {
      for (let turn = rendering.waitForTurn(); turn; turn = rendering.waitForTurn()) await turn;
      try {
        return { message: rendering.render(request, null) };
      } catch (error) {
        if (!(error instanceof TakesLong)) return unrenderable(error);
      }
    }
    const rendered = await rendering.renderApart(request, null);
    return "result" in rendered ? rendered.result : rendered;
  }

  async function addItem(item: ItemContent): Promise<SendResult> {
    const startedAt = new Date(clock());
    const attempt = (outcome: Pick<Attempt, "outcome" | "failure" | "forgiven">): Attempt => ({
      provider: inboxProvider,
      response: null,
      startedAt,
      finishedAt: new Date(clock()),
      ...outcome,
    });
    try {
      if (await store(item))
        return {
          kind: "attempted",
          attempts: [attempt({ outcome: "sent", failure: null })],
          delivered: true,
        };
      return { kind: "unsendable", reason: "no_address", detail: "the recipient was erased" };
    } catch (error) {
      if (isDataFault(error)) return unrenderable("the item cannot be stored");
      // The database takes nothing at the moment. If it took the item after all, the next attempt adds none.
      const failure = attempt({ outcome: "transient", failure: "connection", forgiven: true });
      return { kind: "attempted", attempts: [failure] };
    }
  }

  return {
    name: "in_app",
    inFlightBound,
    concurrency: inFlightBound,
    opensAt(now) {
      const at = gate.opensAt(now.getTime());
      return at === null ? null : new Date(at);
    },
    readyFor: () => gate.room(),
    recoveredAt: () => null,
    outSince: (now) => gate.shutSince(now.getTime()),
    countApart: () => rendering.apart,
    async send(request) {
      if (gate.opensAt(clock()) !== null) return hold();
      const rendered = await render(request);
      if (!("message" in rendered)) return rendered;
      const own = gate.enter();
      try {
        const passages = own ? [...(request.passages ?? []), own] : request.passages;
        const begin = (retry: () => void) => request.begin(retry);
        if (!(await passAll({ begin, ...(passages && { passages }) }))) return hold();
        return await addItem(itemOf(request, rendered.message));
      } finally {
        own?.end();
      }
    },
    async close() {
      await rendering.close();
      await hints.close();
    },
  };
}

function itemOf(
  { messageId, recipient, about, priority }: SendRequest,
  text: InAppText,
): ItemContent {
  const id = parsePublicId("delivery", messageId) ?? parsePublicId("group", messageId);
  if (id === null) throw new Error("the id of a message is not one of a delivery or a group");
  return {
    id,
    recipientId: recipient.id,
    type: about.type,
    priority,
    expiresAt: about.expiresAt,
    ...text,
  };
}
