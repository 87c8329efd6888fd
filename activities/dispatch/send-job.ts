import type { Settlement } from "../../domain/delivery/settle.ts";
import type { DueDelivery, WantedMessage } from "../../ledger/ledger.ts";
import type { Source } from "../../ledger/sources.ts";
import type { SendRequest } from "../channels/channel.ts";

/** A delivery with what it brings. */
export interface Item {
  delivery: DueDelivery;
  source: Source;
}

type Template = Pick<SendRequest, "templateVersionId" | "content">;

/** What a message says, and what its Message-ID is made from. */
export interface Content extends Template, Pick<SendRequest, "messageId" | "data" | "actions"> {
  /** Says the same where the template cannot be rendered. */
  fallback?: Template;
  /** Members of a group of which nothing can be said, by the ids of their deliveries, and why: the message is that of the others. */
  faults?: ReadonlyMap<string, unknown>;
}

/** A message that was decided to be sent, on its way from a dispatch: a delivery, or the members of a group. */
export interface SendJob {
  /** Its items are never none, and all of one recipient and channel. */
  message: Omit<WantedMessage, "items"> & { items: readonly Item[] };
  /** What the claimed ones of its items say. */
  contentOf: (claimed: readonly Item[]) => Content | Promise<Content>;
  /** Called once, when rows of it are claimed: from then on these belong to the sender, whatever becomes of the dispatch. */
  began: (ids: readonly string[]) => void;
  /** Called for rows that were not claimed, and will not be. Rows that have not begun stay in the ledger as they were. */
  dropped: (ids: readonly string[]) => void;
  /** Called instead of both when the ledger could not be reached. */
  failed: (error: unknown) => void;
  /** Called once for a message that began, with what became of each of its rows: that is committed, or they were lost to another holder. */
  ended: (outcomes: readonly SendOutcome[]) => void;
}

/** What became of a row. `dropped`: it was not ours to send (claimed by another, cancelled, withdrawn, without room), and was not. */
export type SendOutcome = Settlement["status"] | "dropped";

export const idsOf = (items: readonly Item[]): string[] => items.map(({ delivery }) => delivery.id);
