import type { Attempt, AttemptFailure } from "../../../domain/delivery/attempt.ts";
import type { ProviderSignal } from "../admission.ts";
import type { GateAnswer } from "../passage.ts";

/** A message as it is handed over: ASCII, unless its mail says otherwise. */
export interface Message {
  /** The reverse path, safe to write into MAIL FROM: where it is returned to if it cannot be delivered. */
  from: string;
  /** CRLF lines, in their order, each with its end. */
  headers: string;
  /** CRLF lines, none of which begins with a dot, ending in CRLF. */
  body: string;
}

/** As it goes over the wire. */
export const joinMessage = ({ headers, body }: Message): string => `${headers}\r\n${body}`;

/** A message on its way through one provider. */
export interface Mail {
  /** The recipient's mailbox, safe to write into RCPT TO. */
  readonly to: string;
  /** Only a server with SMTPUTF8 can take it. */
  readonly smtpUtf8: boolean;
  /**
   * May the message be made in this turn of the event loop? If not, `retry` is called in the next: messages that take long to make let
   * others come between.
   */
  mayCompose(retry: () => void): boolean;
  /** Makes the message. Called when a connection is free for it. What it throws comes back as it is. */
  compose(): Message;
  /** Gates let mails through one after the other. */
  readonly isPaced: boolean;
  /**
   * Asked when a connection is free. `open`: it leaves now, and has used the slots of its gates. `waits`: `retry` is called once it is
   * worth asking again. `closed`: not soon.
   */
  leave(retry: () => void): GateAnswer;
}

/** What one provider made of a mail. */
export type Verdict = Pick<
  Attempt,
  "outcome" | "failure" | "response" | "retryAfterMs" | "forgiven"
> & {
  /** What it says of the server: that it is there, that it failed, or that it asks to be left alone for as long as it said. */
  signal: ProviderSignal;
  /** This server cannot take such mail at all, while another may. */
  unsupported?: true;
};

/** A mail within a provider, from its queue to its verdict. */
export interface Job {
  readonly mail: Mail;
  readonly done: (
    result: { verdict: Verdict; startedAt: number } | { fault: unknown } | { turnedAway: true },
  ) => void;
  /** When it was handed to a connection (or given up before), in milliseconds since the epoch. */
  startedAt: number;
  /** Monotonic: when waiting for a connection has taken too long. */
  deadlineMs: number;
  /** Made when a connection takes it. */
  message: Message | null;
  /** From here on, the server may have the whole message. */
  dotWritten: boolean;
  /** It was on a connection that ended before any of its content was written. */
  returned: boolean;
  /** Only a connection that has carried nothing may take it: the one before may have been at its limit, and others may be. */
  needsNew: boolean;
}

/** Why a connection could not be opened, or ended. The message holds no credentials. */
export interface Loss {
  failure: AttemptFailure;
  message: string;
  /** The server has as many connections from us as it takes, and says so. */
  tooMany?: boolean;
}
