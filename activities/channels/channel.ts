import type { Channel as ChannelName } from "../../domain/channel.ts";
import type { Attempt } from "../../domain/delivery/attempt.ts";
import type { Priority } from "../../domain/priority.ts";
import type { EmailIdentity } from "../../domain/email-identity.ts";
import type { RecipientView } from "../../domain/recipient-view.ts";
import type { ActionLink, TemplateContent } from "../../domain/templates/template.ts";
import type { GateAnswer, Passage } from "./passage.ts";

/** What a channel needs to render and hand over one message: a delivery, or a group of them. */
export interface SendRequest {
  /** The public id of the delivery (`dlv_…`) or the group (`grp_…`): the Message-ID and a header with the id are made from it. */
  messageId: string;
  /** Names an immutable version: what is compiled from `content` may be kept under it. */
  templateVersionId: string;
  content: TemplateContent;
  recipient: RecipientView;
  /** What the notification or campaign brought, checked against the template's variables when accepted. */
  data: Record<string, unknown>;
  /** What the recipient may do about it; templates find them under `actions`. */
  actions: readonly ActionLink[];
  /** Whom a mail is from, where that is not the installation's own sender. */
  email: EmailIdentity | null;
  /** What is critical is marked as such. */
  priority: Priority;
  /**
   * May another provider be tried, once, after the message was handed over to one that never answered? Not where a repeat is
   * worse than a loss, or where this is one.
   */
  repeatable: boolean;
  /** Its way through gates before the channel's own, such as its campaign's: each is passed where the message leaves, and ended by who made it. */
  passages?: readonly Passage[];
  /**
   * Asked at the instant before anything of the message is written to a provider, each time that this is about to happen: nothing is
   * where it does not say `open`. `waits`: `retry` is called once it may say something else; `closed`: it never will.
   */
  begin(retry: () => void): GateAnswer;
  /** Called when the message takes so long to make that this is done apart: what room it had is others' meanwhile. */
  setApart?(): void;
}

/** What became of a request. Never an exception: a fault of one message is no fault of its neighbours. */
export type SendResult =
  /** The last attempt decides; earlier ones are providers that were tried before it. Never empty. */
  | { kind: "attempted"; attempts: Attempt[] }
  /** The template or the address is at fault: nothing was handed over, and nothing will be. */
  | { kind: "unsendable"; reason: "template_error" | "invalid_address"; detail: string }
  /** No provider takes anything before `until`, or its turn to be made has not come: nothing was handed over, and no attempt was made. */
  | { kind: "held"; reason: "provider_unavailable" | "provider_rate" | "rendering"; until: Date };

/**
 * A way to reach people. One instance a worker and traffic class; it owns its connections. What a recipient's address is on it is a rule
 * of the domain, since decisions and explanations ask for it too (`addressOf` in domain/channel.ts).
 */
export interface Channel {
  readonly name: ChannelName;
  /** Messages that may be handed over to it without their outcome committed, at any instant: what a crash of the worker may repeat. */
  readonly inFlightBound: number;
  /** Messages that can begin at once, where nothing limits it. */
  readonly concurrency: number;
  /**
   * When it can hand something over, as far as this process knows; null: now. Costs nothing, and may be wrong for a second:
   * `send` then says `held`.
   */
  opensAt(now: Date): Date | null;
  /**
   * How many more messages it can begin within about half a second, beside those that it was handed: as far as its gates and those of
   * its providers go, and the trials of these. Costs nothing; infinite where nothing limits it. No more than that are worth claiming.
   */
  readyFor(now: Date): number;
  /** Messages that it was handed and still makes, apart from the others: they take no room until they are made. */
  makingApart?(): number;
  /**
   * When it last was in service again after all its providers had been out of it; null if that never was. What was due before was
   * held back by the outage, whether or not its row says so.
   */
  recoveredAt(): Date | null;
  /**
   * Renders what its part of the content says, hands it over, and resolves when the outcome is known. Each fault of its providers is
   * mapped to the outcome and the failure of an attempt. Safe to call without bound: it queues. A message uses the slots of its gates at
   * the instant at which it is written to a connection.
   */
  send(request: SendRequest): Promise<SendResult>;
  /**
   * Ends its connections. Requests under way are finished first, within a fixed time: those that are not end as far as they came.
   * What is sent after it is `held`.
   */
  close(): Promise<void>;
}
