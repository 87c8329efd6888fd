import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import type { Inbound } from "../../domain/inbound-report.ts";
import type { Returned, ReturnAddresses } from "../../domain/return-addresses.ts";
import { readReturnedMail, type ReturnedMail } from "../../domain/returned-mail/read.ts";
import { toReports } from "../../domain/returned-mail/to-reports.ts";
import type { ActionTarget } from "../../domain/tokens.ts";
import type { UnsubscribeTokens, Unsubscription } from "../../domain/unsubscribing.ts";
import { changeSubscription } from "../../ledger/change-subscription.ts";
import { type Recorded, recordInbound, StillSending } from "../../ledger/inbound-reports.ts";
import { notifyListener } from "../../ledger/queue-listener.ts";
import type { ReadRulebook, Rulebook } from "../../ledger/rulebook.ts";
import { type Execute, executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import type { ChangedRow } from "../../ledger/transitions.ts";
import { findUnsubscription } from "../../ledger/unsubscribing.ts";

/** Where a mail was sent to. Mailbox providers send complaints to one address for all messages: `feedback`. */
export type Recipient = Returned | "feedback";

/** A mail that is about none of our messages, or cannot be stored. It is refused for good. */
export class UnusableMail extends Error {
  override name = "UnusableMail";
}

export interface ReceiveDeps {
  pool: Pool;
  addresses: Pick<ReturnAddresses, "read">;
  tokens: Pick<UnsubscribeTokens, "verify">;
  readRulebook: ReadRulebook;
  mailboxShards: number;
  /** How long a report waits for the outcome of the hand-over that it is about. */
  patienceMs?: number;
}

/** A local server may return a message before its worker has written that it was sent. */
const presetPatienceMs = 5_000;
const pauseMs = 200;

/**
 * Creates a function that records what a mail says, for each address that it was sent to, and resolves with what it was taken for once that is committed. Repeating a mail changes
 * nothing more. Rejects with an `UnusableMail`, or with an error after which the mail has to be sent again.
 */
export function createReceiver({
  pool,
  addresses,
  tokens,
  readRulebook,
  mailboxShards,
  patienceMs = presetPatienceMs,
}: ReceiveDeps) {
  /** Records reports, and unsubscribes a recipient who wrote that they want no more messages, in one transaction. */
  async function record(inbound: Inbound, subject: string): Promise<Recorded> {
    const { types } = await readRulebook();
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      try {
        return await inTransaction(pool, async (client) => {
          const execute = executeOn(client);
          const recorded = await recordInbound(execute, inbound);
          const isUnsubscribing = inbound.reports.some(({ kind }) => kind === "unsubscribed");
          if (!isUnsubscribing || recorded.outcome === "repeated") return recorded;
          const released = await unsubscribe(execute, inbound.message, subject, types);
          return { outcome: "unsubscribed", changed: [...recorded.changed, ...released] };
        });
      } catch (error) {
        if (!(error instanceof StillSending) || performance.now() >= deadlineMs) throw error;
        await sleep(pauseMs);
      }
    }
  }

  /** Finds the message in the headers that a complaint contains: only its recipient and the servers on its way know its address. */
  function findMessage({ originals }: ReturnedMail): ActionTarget {
    for (const text of originals)
      for (const [address] of text.matchAll(/\b[bu]\+[a-z2-7]{1,62}@[\w.-]{1,255}/gi)) {
        const found = addresses.read(address);
        if (found !== null) return found.message;
      }
    throw new UnusableMail("it is about no message of ours");
  }

  async function unsubscribe(
    execute: Execute,
    message: ActionTarget,
    subject: string,
    types: Rulebook["types"],
  ): Promise<readonly ChangedRow[]> {
    const unsubscription =
      findToken(subject) ?? (await findUnsubscription(execute, message, types));
    if (unsubscription === null) return [];
    const { typeId } = unsubscription;
    const type = typeId === null ? null : (types.get(typeId) ?? null);
    const shards = { mailboxShards };
    const done = await changeSubscription(execute, unsubscription, type, "listed", shards);
    return done?.released ?? [];
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
        id: mail.messageId?.slice(0, 200) || createHash("sha256").update(raw).digest("hex"),
        source: "smtp",
        message,
        reports: isForUnsubscribing
          ? [{ ...silent, kind: isWanted ? "unsubscribed" : "automatic" }]
          : toReports(mail),
      },
      mail.subject,
    );
    await wake(changed);
    return outcome;
  }

  /** Tells the workers of mailboxes. What they do not hear, and campaigns, the relay finds within seconds. */
  async function wake(changed: readonly ChangedRow[]): Promise<void> {
    for (const queue of new Set(changed.map((row) => row.queue)))
      await notifyListener(pool, queue).catch(() => false);
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
