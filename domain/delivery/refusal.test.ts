import { describe, expect, it } from "vitest";
import {
  mayBeOfDomain,
  permanentFailure,
  refusalSubject,
  type RefusalPhase,
  type RefusalSubject,
} from "./refusal.ts";

/** Replies of mail servers, from their manuals and from public reports. */
const refusals: Record<RefusalSubject, [RefusalPhase, string][]> = {
  unknown_address: [
    [
      "rcpt",
      "550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in virtual mailbox table",
    ],
    [
      "rcpt",
      "550-5.1.1 The email account that you tried to reach does not exist.\n550 5.1.1 gsmtp",
    ],
    ["rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found"],
    ["rcpt", "550 5.1.2 bad destination system"],
    ["rcpt", "501 5.1.3 bad address syntax"],
    ["rcpt", "550 5.1.6 mailbox has moved"],
    ["rcpt", "550 5.2.1 The email account that you tried to reach is inactive"],
    ["content", "550 5.1.1 no such user"],
    ["report", "5.1.1"],
    ["rcpt", "550 nobody here"],
    ["rcpt", "550 No such user here"],
    ["rcpt", "550 Unknown user"],
    [
      "rcpt",
      "550 <ada@example.org>: Recipient address rejected: User unknown in relay recipient table",
    ],
    ["rcpt", "553 sorry, that mailbox does not exist here"],
    ["rcpt", "551 user not found"],
    ["rcpt", "550 Requested action not taken: mailbox unknown"],
    ["rcpt", "550 invalid recipient"],
    ["rcpt", "550 account disabled"],
    ["rcpt", "556 the domain takes no mail"],
  ],
  mailbox_full: [
    ["rcpt", "452 4.2.2 The email account that you tried to reach is over quota"],
    ["rcpt", "552 5.2.2 mailbox full"],
    ["rcpt", "552 requested mail action aborted: exceeded storage allocation"],
    ["content", "552 mailbox quota exceeded"],
    ["rcpt", "550 user is over quota"],
    ["report", "5.2.2"],
  ],
  recipient: [
    ["rcpt", "450 4.2.1 the user you are trying to contact is receiving mail too quickly"],
    ["rcpt", "450 mailbox busy"],
    ["rcpt", "550 5.1.0 address rejected"],
    ["rcpt", "450 4.1.1 unverified address"],
    ["rcpt", "550 5.2.3 message too large for the mailbox"],
    ["rcpt", "550 5.4.1 Recipient address rejected: Access denied"],
    ["rcpt", "550 5.4.4 unable to route: host not found"],
    ["rcpt", "550 not taken"],
    ["rcpt", "451 4.7.1 Greylisting in action, please come back in 5 minutes"],
    ["rcpt", "450 4.2.0 <ada@example.org>: Recipient address rejected: Greylisted"],
    ["content", "450 graylisted"],
  ],
  message: [
    ["content", "552 5.3.4 message size exceeds fixed limit"],
    ["mail", "552 5.3.4 message too big for system"],
    ["mail", "552 message size exceeds fixed maximum"],
    ["content", "552 message too large"],
    ["content", "554 5.6.0 malformed headers"],
    ["mail", "553 5.6.7 non-ASCII addresses are not permitted"],
    ["content", "554 transaction failed"],
  ],
  sender: [
    ["mail", "550 5.7.60 SMTP; Client does not have permissions to send as this sender"],
    ["mail", "550 5.7.1 not permitted to send as this sender"],
    ["mail", "501 5.1.7 bad sender address"],
    ["mail", "550 5.1.8 sender's domain does not exist"],
    ["mail", "553 sender address not owned by user"],
    ["mail", "550 5.1.1 unknown user"],
    ["mail", "550 no"],
    ["mail", "550 5.4.5 daily sending quota exceeded"],
    ["mail", "554 5.7.1 your IP address is blocked"],
    ["mail", "451 4.1.8 the domain of the sender's address does not resolve"],
    ["rcpt", "553 5.7.1 <a@example.org>: Sender address rejected: not owned by user ada"],
    ["rcpt", "550 5.4.5 Daily user sending limit exceeded"],
    ["rcpt", "554 5.7.1 <ada@example.org>: Relay access denied"],
    ["rcpt", "550 5.1.0 sender rejected"],
    ["rcpt", "550 sender verify failed"],
    ["rcpt", "554 your host is listed by a blocklist"],
    ["rcpt", "550 relaying denied"],
    ["content", "550-5.7.26 This mail is unauthenticated\n550 5.7.26 gsmtp"],
    ["content", "550 5.7.1 message rejected as spam"],
    ["content", "554 rejected by DMARC policy"],
    ["rcpt", "450 4.7.1 too many messages from you"],
  ],
  server: [
    ["connection", "554 no service here"],
    ["connection", "421 4.3.2 too busy"],
    ["mail", "452 4.5.3 too many messages on this connection"],
    ["mail", "451 local error"],
    ["mail", "503 5.5.1 out of sequence"],
    ["rcpt", "451 later"],
    ["rcpt", "451 4.3.0 temporary lookup failure"],
    ["rcpt", "452 insufficient system storage"],
    ["rcpt", "550 5.3.2 system not accepting messages"],
    ["rcpt", "451 4.4.2 timeout"],
    ["data", "554 no"],
    ["content", "500 line too long"],
    ["rcpt", "454 throttling failure: maximum sending rate exceeded"],
  ],
};

describe.each(Object.entries(refusals) as [RefusalSubject, [RefusalPhase, string][]][])(
  "a refusal because of the %s",
  (subject, cases) => {
    it.each(cases)("at %s: %s", (phase, reply) => {
      expect(refusalSubject(phase, reply)).toBe(subject);
    });
  },
);

it("fails a delivery only because of the message or the recipient", () => {
  expect(permanentFailure("sender")).toBe("sender_refused");
  expect(permanentFailure("server")).toBe("sender_refused");
  expect(permanentFailure("unknown_address")).toBe("unknown_address");
});

describe("a temporary refusal may concern the receiving domain", () => {
  it.each([
    "450 4.7.0 Mail to this domain is limited",
    "451-4.7.28 Gmail has detected an unusual rate",
    "421 4.7.0 [TSS04] Messages temporarily deferred",
    "451 Try again later",
    "450 Too many messages to this domain",
    "451 Rate limit exceeded",
  ])("%s", (reply) => {
    expect(mayBeOfDomain("rcpt", reply)).toBe(true);
    expect(mayBeOfDomain("content", reply)).toBe(true);
    expect(mayBeOfDomain("mail", reply)).toBe(false);
    expect(mayBeOfDomain("connection", reply)).toBe(false);
  });

  it.each([
    "450 4.2.1 Try again later",
    "452 4.3.1 Insufficient system storage",
    "450 4.7.1 Greylisted, try again later",
    "454 4.7.0 Temporary authentication failure",
    "451 Internal error",
    "550 5.7.1 Too much mail",
  ])("not %s", (reply) => {
    expect(mayBeOfDomain("rcpt", reply)).toBe(false);
  });
});
