import type { Settlement } from "../../domain/delivery/settle.ts";
import type { DueDelivery, WantedMessage } from "../../ledger/ledger.ts";
import type { Source } from "../../ledger/sources.ts";
import type { DeliveryStage } from "../../ledger/stages.ts";
import type { SendRequest } from "../channels/channel.ts";
import type { Passage } from "../channels/passage.ts";

/** A delivery with its source. */
export interface Item {
  delivery: DueDelivery;
  source: Source;
  /** The stage of a route that the delivery is, with the content of the source itself; null without a route. */
  stage: (DeliveryStage & Pick<Source, "content">) | null;
}

type Template = Pick<SendRequest, "templateVersionId" | "content">;

/** The content of a message, and the id that its Message-ID is made from. */
export interface Content
  extends
    Template,
    Pick<
      SendRequest,
      | "messageId"
      | "data"
      | "actions"
      | "receipt"
      | "email"
      | "extras"
      | "about"
      | "list"
      | "tracking"
      | "preferencesUrl"
      | "browserUrl"
    > {
  /** The template to use if the other cannot be rendered. */
  fallback?: Template;
  /** The faults of group members that cannot be rendered, by the ids of their deliveries. The message contains the other members only. */
  faults?: ReadonlyMap<string, unknown>;
}

/** A message to send, submitted by a dispatch: one delivery, or the members of a group. */
export interface SendJob {
  /** The message has at least one item. All its items have the same recipient and channel. */
  message: Omit<WantedMessage, "items"> & {
    items: readonly Item[];
    /** The message was held back with others. */
    released: boolean;
  };
  /** The passages through the gates of its campaign and of releases. The message uses their slots when it leaves. */
  readonly passages: readonly Passage[];
  /** Builds the content from those items that were claimed. */
  contentOf(claimed: readonly Item[]): Content | Promise<Content>;
  /** Called once, when some of the items are claimed. These then belong to the sender, whatever happens to the dispatch. */
  onBegun(items: readonly Item[]): void;
  /** Called for items that were not claimed, and will not be. Their rows stay in the ledger as they were. */
  onDropped(items: readonly Item[]): void;
  /** Called instead of `onBegun` and `onDropped` if the ledger could not be reached. */
  onFailed(error: unknown): void;
  /** Called for each item that began, when its outcome is committed or another worker has taken the row. */
  onItemEnded(outcome: SendOutcome): void;
  /** Called once for a message that began, when all its items have ended. */
  onEnded(): void;
}

/**
 * The outcome of a row. `dropped`: the row was not sent, because it was claimed by another worker, cancelled or withdrawn, or
 * had no room in the limits.
 */
export type SendOutcome = Settlement["status"] | "dropped";
