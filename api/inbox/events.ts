import { publicId } from "../../domain/ids.ts";
import { type InboxCounts, type InboxItemRow, inboxItemView } from "../../domain/inbox.ts";
import type { InboxChange } from "../../ledger/inbox-hints.ts";
import type { StreamEvent } from "../http/event-stream.ts";

const countsOf = ({ unseen, unread }: InboxCounts): InboxCounts => ({ unseen, unread });

/** The first event of a stream, and the last one after each change. */
export const countsEvent = (counts: InboxCounts): StreamEvent => ({
  event: "counts",
  data: countsOf(counts),
});

/** Shows that the stream is alive. A client whose counts differ has missed a change. */
export const heartbeatEvent = (counts: InboxCounts): StreamEvent => ({
  event: "heartbeat",
  data: countsOf(counts),
});

/** The client has missed more than a stream sends, and loads the list again. */
export const resetEvent: StreamEvent = { event: "reset", data: {} };

/** A new item. */
export const itemEvent = (item: InboxItemRow): StreamEvent => ({
  event: "item",
  id: publicId("inboxItem", item.id),
  data: inboxItemView(item),
});

/** The events of a change; none if it only concerns the right to read. */
export function changeEvents(change: InboxChange["change"]): StreamEvent[] {
  if ("itemId" in change)
    return [
      { event: "changed", data: { id: publicId("inboxItem", change.itemId), ...change.state } },
    ];
  if (!("mark" in change)) return [];
  const { mark, upTo, upToCreatedAt, at } = change;
  const data = {
    upTo: publicId("inboxItem", upTo),
    upToCreatedAt,
    [mark === "read" ? "readAt" : "seenAt"]: at,
  };
  return [{ event: `${mark}-all`, data }];
}
