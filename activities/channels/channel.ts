import type { Channel as ChannelName } from "../../domain/channel.ts";
import type { Attempt } from "../../domain/delivery/attempt.ts";
import type { Priority } from "../../domain/priority.ts";
import type { EmailIdentity } from "../../domain/email-identity.ts";
import type { RecipientView } from "../../domain/recipient-view.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import type { ActionTarget } from "../../domain/tokens.ts";
import type { Tracking, Utm } from "../../domain/tracking/settings.ts";
import type { ActionLink } from "../../domain/templates/template.ts";
import type { CopyOutcome, EmailExtras } from "../../ledger/notification-emails.ts";
import type { GateAnswer, Passage } from "./passage.ts";

/** What a message is about, besides its content. */
export interface MessageAbout {
  /** The key of the notification type; null without one, and for a digest. */
  type: string | null;
  /** The kind of the group that the message stands for; null for a single delivery. */
  group: "batch" | "digest" | null;
  /** The number of deliveries in the message. */
  count: number;
  /** The sender's own ids of the subjects, without repetitions. */
  entityIds: readonly string[];
  collapseKey: string | null;
  /** When the message expires; null if it never does. */
  expiresAt: Date | null;
}

/** What a message without a type, a group and an expiry is about. */
export const aboutNothing: MessageAbout = {
  type: null,
  group: null,
  count: 1,
  entityIds: [],
  collapseKey: null,
  expiresAt: null,
};

/** The mailing list that an email belongs to, for its headers. */
export interface MessageList {
  /** The first part of its List-Id. */
  name: string;
  /** The address at which the recipient unsubscribes. */
  unsubscribeUrl: string;
  /** The `mailto:` address by which mail programs unsubscribe; left out where no mail is received. */
  unsubscribeMailto?: string;
  /** The first three parts of its Feedback-ID: the campaign, the list, and what kind of message it is. */
  feedback: string;
  /** Whether it is sent to many at once, so that no program answers that its reader is away. */
  isBulk: boolean;
}

/** What becomes of the links of an email, and what is tracked of it. */
export interface MessageTracking extends Tracking {
  /** The delivery or the group that is tracked. */
  message: ActionTarget;
  /** The UUID of the campaign, or else of the notification type, by which its links can be switched off; null for neither. */
  switchId: string | null;
  /** The parameters that the links of the campaign have; null for none. */
  utm: Utm | null;
}

/** The content and the terms of one message, which may be a delivery or a group. */
export interface SendRequest {
  /** The public id of the delivery (`dlv_…`) or the group (`grp_…`), from which the Message-ID and a header are made. */
  messageId: string;
  /** The id of an immutable version: the compiled `content` may be cached under it. */
  templateVersionId: string;
  content: TemplateContent;
  recipient: RecipientView;
  /** The data of the notification or campaign. It was checked against the template's variables when it was accepted. */
  data: Record<string, unknown>;
  /** The recipient's actions. Templates find them under `actions`. */
  actions: readonly ActionLink[];
  /** The address at which a device reports what became of the message; null on channels without devices. */
  receipt?: string | null;
  /** The mailing list of an email; left out if its recipient cannot unsubscribe. */
  list?: MessageList;
  /** Left out for an email that is not tracked, and whose links stay as they are. */
  tracking?: MessageTracking;
  /** The address of the recipient's preference centre; emails have one. */
  preferencesUrl?: string;
  /** The address at which a browser shows an email; left out where its template does not name it, and for a group, whose message is not kept. */
  browserUrl?: string;
  /** The sender of an email, if it is not the installation's own. */
  email: EmailIdentity | null;
  /** The attachments and copies of an email; left out where it has none. */
  extras?: EmailExtras;
  /** What the message is about, for channels that show, replace or drop messages by it. */
  about: MessageAbout;
  /** Critical messages are marked as such. */
  priority: Priority;
  /** True for a message of a campaign, which leaves room to others. */
  isCampaign?: boolean;
  /** True if the message has been put back for a rate limit before, so that it does not go behind all others again. */
  hasWaited?: boolean;
  /**
   * True if another provider may be tried, once, after the message was handed to one that never answered. False where a repeat
   * is worse than a loss, or where this hand-over is already a repeat.
   */
  repeatable: boolean;
  /**
   * The longest delay in milliseconds until the message is handed over again if this hand-over fails for now; null if this one is
   * the last.
   */
  retriesWithinMs?: number | null;
  /**
   * The passages through the gates before the channel's own, such as its campaign's. The channel passes each of them when the
   * message leaves; the caller ends them.
   */
  passages?: readonly Passage[];
  /**
   * Asked immediately before anything of the message is written to a provider, each time. Nothing may be written unless the
   * answer is `open`. After `waits`, `retry` is called once the answer may have changed; `closed` is final.
   */
  begin(retry: () => void): GateAnswer;
  /**
   * Called when the message waits apart from the others, which may use its place meanwhile: it takes long to render, or its receiving domain has
   * limits.
   */
  onSetApart?(): void;
}

/** The result of a request. A channel never throws for a fault of one message, so that the others are unaffected. */
export type SendResult =
  /**
   * The message was handed over. The last attempt decides; earlier ones are of providers that were tried before it. Never empty.
   * `delivered` says that it certainly has arrived, not only that a provider has accepted it. `copies` says what became of those in
   * `extras`; it is left out where nothing did.
   */
  | {
      kind: "attempted";
      attempts: Attempt[];
      delivered?: true;
      copies?: readonly CopyOutcome[];
    }
  /** The template or the address is faulty: nothing was handed over, and nothing will be. */
  | {
      kind: "unsendable";
      reason: "template_error" | "invalid_address" | "no_address";
      detail: string;
    }
  /**
   * No provider takes messages before `until`, or the message has not been rendered yet: nothing was handed over, and no attempt
   * was made.
   */
  | { kind: "held"; reason: "provider_unavailable" | "provider_rate" | "rendering"; until: Date };

/**
 * A way to reach recipients. A worker has one instance for each traffic class, which owns its connections. The address of a
 * recipient on a channel is a rule of the domain, since decisions and explanations need it too (`addressOf` in
 * domain/channel.ts).
 */
export interface Channel {
  readonly name: ChannelName;
  /**
   * The maximum number of messages that are handed over without their outcome committed, at any instant: a crash of the worker
   * may repeat these.
   */
  readonly inFlightBound: number;
  /** The number of messages that can begin at once if no gate or breaker limits it. */
  readonly concurrency: number;
  /**
   * When the channel can hand a message over, as far as this process knows; null: now. It costs nothing, and may be outdated by
   * a second: `send` then returns `held`.
   */
  opensAt(now: Date): Date | null;
  /**
   * The number of messages that can begin within about half a second, in addition to those that were handed to the channel. It
   * depends on the gates of the channel and of its providers, and on the trials of these. It costs nothing; infinite if nothing
   * limits it. It is not worth claiming more.
   */
  readyFor(now: Date): number;
  /**
   * The number of messages that were handed to the channel and are still being rendered apart, or wait for the limits of their receiving domain.
   * They take no place until they can begin.
   */
  countApart?(): number;
  /**
   * When the channel was last in service again after all its providers had been out of service; null if they never were.
   * Messages that were due before that instant were held back by the outage, even if their rows do not show it.
   */
  recoveredAt(): Date | null;
  /**
   * Since when the channel is out of service, by the ledger's clock: none of its breakers is closed, or gates are shut because a provider asked
   * for it. Null while it is in service, also while it waits for a rate or a quota. A channel that is out of service may take trials, and
   * failed trials do not change the instant. Workers that start later know it too.
   */
  outSince(now: Date): Date | null;
  /**
   * Renders the content, hands the message over, and resolves when the outcome is known. Each fault of a provider is mapped to
   * the outcome and the failure of an attempt. It may be called without bound, since it queues. A message uses the slots of its
   * gates at the instant at which it is written to a connection.
   */
  send(request: SendRequest): Promise<SendResult>;
  /**
   * Ends the connections. Requests under way are finished first, within a fixed time; those that are not finished then end where
   * they are. Later requests are `held`.
   */
  close(): Promise<void>;
}
