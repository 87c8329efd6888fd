import type { Settlement } from "../../domain/delivery/settle.ts";
import type { DueDelivery, WantedMessage } from "../../ledger/ledger.ts";
import type { Source } from "../../ledger/sources.ts";
import type { SendRequest } from "../channels/channel.ts";
import type { Passage } from "../channels/passage.ts";

/** A delivery with what it brings. */
export interface Item {
  delivery: DueDelivery;
  source: Source;
}

type Template = Pick<SendRequest, "templateVersionId" | "content">;

/** What a message says, and what its Message-ID is made from. */
export interface Content
  extends Template, Pick<SendRequest, "messageId" | "data" | "actions" | "email"> {
  /** Says the same where the template cannot be rendered. */
  fallback?: Template;
  /** Members of a group of which nothing can be said, by the ids of their deliveries, and why: the message is that of the others. */
  faults?: ReadonlyMap<string, unknown>;
}

/** A message that was decided to be sent, on its way from a dispatch: a delivery, or the members of a group. */
export interface SendJob {
  /** Its items are never none, and all of one recipient and channel. */
  message: Omit<WantedMessage, "items"> & {
    items: readonly Item[];
    /** It was held back with others. */
    released: boolean;
  };
  /** Its way through the gates of its campaign and of releases, which it passes where it leaves. */
  readonly passages: readonly Passage[];
  /** What the claimed ones of its items say. */
  contentOf(claimed: readonly Item[]): Content | Promise<Content>;
  /** Called once, when some of its items are claimed: from then on these belong to the sender, whatever becomes of the dispatch. */
  began(items: readonly Item[]): void;
  /** Called for items that were not claimed, and will not be. Rows that have not begun stay in the ledger as they were. */
  dropped(items: readonly Item[]): void;
  /** Called instead of both when the ledger could not be reached. */
  failed(error: unknown): void;
  /** Called for each item that began: its outcome is committed, or it was lost to another holder. */
  itemEnded(outcome: SendOutcome): void;
  /** Called once for a message that began, when all its items have ended. */
  ended(): void;
}

/** What became of a row. `dropped`: it was not ours to send (claimed by another, cancelled, withdrawn, without room), and was not. */
export type SendOutcome = Settlement["status"] | "dropped";
