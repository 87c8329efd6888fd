import type { AttemptFailure } from "./delivery/attempt.ts";
import type { ActionTarget } from "./tokens.ts";

/** What a mail server or a provider reports of a message. `automatic`: a program answered it. */
export type InboundKind =
  | "bounced"
  | "delayed"
  | "delivered"
  | "complained"
  | "not_spam"
  | "unsubscribed"
  | "automatic"
  | "other";

/** A report of a message that was handed over. */
export interface InboundReport {
  kind: InboundKind;
  /** The addresses that it names, in any spelling. */
  addresses: readonly string[];
  /** Why the message was returned; null for another kind. */
  failure: AttemptFailure | null;
  /** The answer of the last server, or what the provider says; null where there is none. */
  reply: string | null;
  /** When it happened; null: now. */
  at: Date | null;
}

/** Reports that came together. */
export interface Inbound {
  /** What makes them one, so that they count once however often they come. */
  id: string;
  /** `smtp`, or the name of the provider. */
  source: string;
  message: ActionTarget;
  reports: readonly InboundReport[];
}
