import type { Attempt, AttemptFailure } from "../../../domain/delivery/attempt.ts";
import type { ProviderSignal } from "../admission.ts";
import type { GateAnswer } from "../passage.ts";

/** A message in the form in which it is handed over: ASCII, unless its mail needs SMTPUTF8. */
export interface Message {
  /** The reverse path, to which an undeliverable message is returned. It is safe to write into MAIL FROM. */
  from: string;
  /** The domain of the From header. */
  domain: string;
  /** Header lines in their order, each ending in CRLF. */
  headers: string;
  /** Body lines, each ending in CRLF. None of them begins with a dot. */
  body: string;
  /** The rest of the body, of the same form, which messages share: attachments. */
  tail?: Buffer;
}

/** The message as it goes over the wire, without its tail. */
export const joinMessage = ({ headers, body }: Message): string => `${headers}\r\n${body}`;

/** A message on its way through one provider. */
export interface Mail {
  /** The recipient's mailbox, safe to write into RCPT TO. */
  readonly to: string;
  /** Mailboxes that receive copies, each safe to write into RCPT TO. Left out where there are none. */
  readonly copies?: readonly string[];
  /** The id of the message for reports of servers (RFC 3461); left out where nobody reads such reports. */
  readonly reportId?: string;
  /** True if only a server with SMTPUTF8 can take the mail. */
  readonly smtpUtf8: boolean;
  /**
   * True if the message may be composed in this turn of the event loop. If not, `retry` is called in the next, so that messages
   * that take long to compose let others in between.
   */
  mayCompose(retry: () => void): boolean;
  /** Composes the message, once a connection is free for it. An error that it throws is returned as `fault`. */
  compose(): Message;
  /** True if the receiving domain has limits of its own: a temporary refusal may then concern the domain instead of the server. */
  readonly isDomainLimited: boolean;
  /** True if gates let mails through one after the other. */
  readonly isPaced: boolean;
  /**
   * Asked when a connection is free. `open`: the mail leaves now, and has used the slots of its gates. `waits`: `retry` is
   * called once it is worth asking again. `closed`: the mail does not leave soon.
   */
  leave(retry: () => void): GateAnswer;
}

/** The outcome of a mail at one provider. */
export type Verdict = Pick<
  Attempt,
  "outcome" | "failure" | "response" | "retryAfterMs" | "forgiven"
> & {
  /** What the outcome shows about the server. */
  signal: ProviderSignal;
  /** This server can never take such mail, while another may. */
  unsupported?: true;
  /** The refusal concerns all mails to the receiving domain for now. */
  isOfDomain?: true;
  /** For each copy the answer by which it was refused, or null if it was accepted. */
  copyRefusals?: readonly (string | null)[];
};

/** A mail within a provider, from its queue to its verdict. */
export interface Job {
  readonly mail: Mail;
  readonly done: (
    result: { verdict: Verdict; startedAt: number } | { fault: unknown } | { turnedAway: true },
  ) => void;
  /** When the mail was handed to a connection, or was given up before that, in milliseconds since the epoch. */
  startedAt: number;
  /** When the wait for a connection has taken too long. Monotonic. */
  deadlineMs: number;
  /** Composed when a connection takes the mail. */
  message: Message | null;
  /** The answers to the copies so far, as in `Verdict`. Left out where there are no copies. */
  copyRefusals?: (string | null)[];
  /** True once the server may have the whole message. */
  dotWritten: boolean;
  /** The mail was on a connection that ended before any of its content was written. */
  returned: boolean;
  /** Only a new connection may take the mail: the previous one may have reached a limit, and others may have too. */
  needsNew: boolean;
}

/** Why a connection could not be opened, or ended. The message contains no credentials. */
export interface Loss {
  failure: AttemptFailure;
  message: string;
  /** The server refused the connection because it has too many from this client. */
  tooMany?: boolean;
}
