import { createHash } from "node:crypto";
import type { Returned, ReturnAddresses } from "../../domain/return-addresses.ts";
import { readReturnedMail, type ReturnedMail } from "../../domain/returned-mail/read.ts";
import { toReports } from "../../domain/returned-mail/to-reports.ts";
import type { ActionTarget } from "../../domain/tokens.ts";
import type { UnsubscribeTokens, Unsubscription } from "../../domain/unsubscribing.ts";
import { notifyListener } from "../../ledger/queue-listener.ts";
import { createReportReceiver } from "../../ledger/receive-report.ts";
import { idOf } from "../../ledger/recipient-actions.ts";
import type { ChangedRow } from "../../ledger/transitions.ts";

/** Where a mail was sent to. Mailbox providers send complaints to one address for all messages: `feedback`. */
export type Recipient = Returned | "feedback";

/** A mail that is about none of our messages, or cannot be stored. It is refused for good. */
export class UnusableMail extends Error {
  override name = "UnusableMail";
}

type ReceiveDeps = Parameters<typeof createReportReceiver>[0] & {
  addresses: Pick<ReturnAddresses, "read">;
  tokens: Pick<UnsubscribeTokens, "verify">;
};

/**
 * Creates a function that records what a mail says, for each address that it was sent to, and resolves with what it was taken for once that is committed. Repeating a mail changes
 * nothing more. Rejects with an `UnusableMail`, or with an error after which the mail has to be sent again.
 */
export function createReceiver({ addresses, tokens, ...deps }: ReceiveDeps) {
  const record = createReportReceiver(deps);

  /** Finds the message in the headers that a complaint contains: only its recipient and the servers on its way know its address. */
  function findMessage({ originals }: ReturnedMail): ActionTarget {
    for (const text of originals)
      for (const [address] of text.matchAll(/\b[bu]\+[a-z2-7]{1,62}@[\w.-]{1,255}/gi)) {
        const found = addresses.read(address);
        if (found !== null) return found.message;
      }
    throw new UnusableMail("it is about no message of ours");
  }

  /** The token in the subject, which says more than the address, and still works when the message is no longer stored. */
  function findToken(subject: string): Unsubscription | null {
    for (const [text] of subject.matchAll(/[\w-]{40,200}/g)) {
      const verified = tokens.verify(text);
      if (verified !== null) return verified;
    }
    return null;
  }

  async function receiveFor(recipient: Recipient, { mail, raw, isFromNobody }: Received) {
    if (recipient === "feedback" && mail.kind !== "feedback")
      throw new UnusableMail("it is no report of a complaint");
    const message = recipient === "feedback" ? findMessage(mail) : recipient.message;
    const isForUnsubscribing = recipient !== "feedback" && recipient.kind === "unsubscribe";
    // A program that answers, and one that returns a mail, want nothing.
    const isWanted = mail.kind === "other" && !isFromNobody;
    const { outcome, changed } = await record(
      {
        id: `${idOf(message)} ${mail.messageId?.slice(0, 200) || createHash("sha256").update(raw).digest("hex")}`,
        source: "smtp",
        message,
        reports: isForUnsubscribing
          ? [{ ...silent, kind: isWanted ? "unsubscribed" : "automatic" }]
          : toReports(mail),
      },
      isForUnsubscribing ? findToken(mail.subject) : null,
    );
    await wake(changed);
    return outcome;
  }

  /** Tells the workers of mailboxes. What they do not hear, and campaigns, the relay finds within seconds. */
  async function wake(changed: readonly ChangedRow[]): Promise<void> {
    for (const queue of new Set(changed.map((row) => row.queue)))
      await notifyListener(deps.pool, queue).catch(() => false);
  }

  return async (
    recipients: readonly Recipient[],
    raw: Uint8Array,
    { isFromNobody }: Pick<Received, "isFromNobody">,
  ): Promise<string[]> => {
    const mail = await readReturnedMail(raw).catch(() => unreadable);
    const outcomes: string[] = [];
    for (const recipient of recipients)
      outcomes.push(await receiveFor(recipient, { mail, raw, isFromNobody }));
    return outcomes;
  };
}

interface Received {
  mail: ReturnedMail;
  raw: Uint8Array;
  /** Whether it has no sender, as mails of programs have none. */
  isFromNobody: boolean;
}

const silent = { addresses: [], failure: null, reply: null, at: null };

/** Of a mail that cannot be parsed nothing is believed. */
const unreadable: ReturnedMail = { kind: "automatic", messageId: null, subject: "", originals: [] };
