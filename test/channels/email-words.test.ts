import { describe, expect } from "vitest";
import type { Answers } from "./misbehaving-server.ts";
import {
  endingOf,
  judgeEach,
  recipientsNamed,
  type Conversation,
  type Misbehaviour,
} from "./misbehaviour.ts";

const phases = ["MAIL", "RCPT", "dot"] as const;
type Phase = (typeof phases)[number];

/** A permanent refusal of the sender. */
const ofSender = [
  "550 5.7.1 your IP address is blocked",
  "550 5.7.26 unauthenticated mail from example.org is not accepted (DMARC)",
  "554 5.7.60 client does not have permission to send as this sender",
  "550 5.4.5 daily sending quota exceeded",
  "501 5.1.7 bad sender address syntax",
  "553 5.1.8 sender address rejected: domain not found",
  "553 sender address not owned by user",
  "550 relaying denied",
  "554 service refused: listed at zen.spamhaus.org",
  "550-5.7.1 our system has detected an unusual rate of\r\n550 5.7.1 mail from your network",
];

/** For good, and about the one recipient. */
const ofRecipient = [
  "550 5.1.1 no such user",
  "550 5.1.10 recipient not found",
  "550 5.2.1 mailbox disabled",
  "552 5.2.2 mailbox full",
  "550 user unknown",
  "550 requested action not taken: mailbox unavailable",
  "551 user not local",
  "550-5.1.1 the account that you tried to reach\r\n550 5.1.1 does not exist",
];

/** For now, and about the one recipient. */
const ofRecipientForNow = [
  "452 4.2.2 mailbox full",
  "450 4.2.1 mailbox busy",
  "450 mailbox unavailable",
];

const always =
  (phase: Phase, words: string, isOf: (recipient: string | null) => boolean = () => true) =>
  (): Answers =>
  (occasion) =>
    occasion.phase === phase && isOf(occasion.recipient) ? words : undefined;

const isGone = (recipient: string | null) => recipient!.startsWith("gone");
const someGone = [...recipientsNamed("gone", 2), ...recipientsNamed("r", 3)];
const shorten = (words: string) => words.replace(/\r\n.*/s, " …").slice(0, 50);

describe("a server", () => {
  judgeEach(
    phases.flatMap((phase) =>
      ofSender.map((words): Misbehaviour => ({
        name: `blocks the sender at ${phase} (${shorten(words)})`,
        answers: always(phase, words),
        recipients: recipientsNamed("r", 3),
        // Far more often than there are attempts.
        attempts: 2,
        waits: 5,
        ends: "waits",
      })),
    ),
  );

  judgeEach(
    ofSender.map((words): Misbehaviour => ({
      name: `blocks the sender until it has said so six times (${shorten(words)})`,
      answers: () => {
        let left = 6;
        return ({ phase }) => (phase === "MAIL" && left-- > 0 ? words : undefined);
      },
      recipients: recipientsNamed("r", 3),
      attempts: 3,
      ends: "sent",
    })),
  );

  judgeEach(
    (["RCPT", "dot"] as const).flatMap((phase) => [
      ...ofRecipient.map((words): Misbehaviour => ({
        name: `refuses two recipients for good at ${phase} (${shorten(words)})`,
        answers: always(phase, words, isGone),
        recipients: someGone,
        ends: (recipient) => (isGone(recipient) ? "rejected" : "sent"),
        also: expectOneAttemptOfThoseGone,
      })),
      ...ofRecipientForNow.map((words): Misbehaviour => ({
        name: `refuses two recipients for now at ${phase} (${shorten(words)})`,
        answers: always(phase, words, isGone),
        recipients: someGone,
        attempts: 3,
        ends: (recipient) => (isGone(recipient) ? "given up" : "sent"),
      })),
      {
        name: `has nobody at all whom we write to, at ${phase}`,
        answers: always(phase, "550 5.1.1 no such user"),
        recipients: recipientsNamed("gone", 12),
        ends: "rejected",
      },
      {
        name: `refuses everybody at ${phase} in the same words, which say nothing`,
        answers: always(phase, "550 no thanks"),
        recipients: recipientsNamed("r", 12),
        waits: 2,
        ends: ["rejected", "waits"],
        also: expectFewRejected,
      },
    ]),
  );

  judgeEach([
    {
      name: "refuses some messages for what they say",
      answers: always("dot", "554 5.6.0 message not wanted", isGone),
      recipients: someGone,
      ends: (recipient) => (isGone(recipient) ? "rejected" : "sent"),
      also: expectOneAttemptOfThoseGone,
    },
    {
      name: "refuses some messages for their size",
      answers: always("dot", "552 5.3.4 message too big", isGone),
      recipients: someGone,
      extensions: ["SIZE 1000"],
      ends: (recipient) => (isGone(recipient) ? "rejected" : "sent"),
    },
    {
      name: "takes the content and says that the sender is blocked, to every other",
      answers: () => {
        let asked = 0;
        return ({ phase }) =>
          phase === "dot" && asked++ % 2 === 0 ? "550 5.7.1 blocked as spam" : undefined;
      },
      ends: "sent",
    },
    {
      name: "takes the content and refuses some recipients' and all senders' by turns",
      answers: () => {
        let asked = 0;
        return ({ phase, recipient }) => {
          if (phase !== "dot") return undefined;
          if (isGone(recipient)) return "550 5.1.1 no such user";
          return asked++ < 4 ? "554 5.7.1 blocked" : undefined;
        };
      },
      recipients: someGone,
      ends: (recipient) => (isGone(recipient) ? "rejected" : "sent"),
    },
  ]);
});

/** A few words alike may be about the messages themselves. */
function expectFewRejected({ rows }: Conversation): void {
  expect(rows.filter((row) => endingOf(row) === "rejected").length).toBeLessThanOrEqual(4);
}

function expectOneAttemptOfThoseGone({ rows }: Conversation): void {
  for (const { recipient, attempts } of rows)
    if (isGone(recipient)) expect(attempts).toHaveLength(1);
}
