/*
 * Returned mails in the forms that mail servers are known to write, made by hand for tests.
 */

const lines = (text: string) => text.trimStart().replaceAll("\n", "\r\n");

/** A report with its parts (RFC 6522). */
const report = (
  type: string,
  headers: string,
  parts: readonly (readonly [type: string, content: string])[],
) =>
  lines(`
${headers}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=${type};
	boundary="=_boundary"
Message-ID: <report@mx.example.net>

This is a MIME-encapsulated message.
${parts.map(([part, content]) => `\n--=_boundary\nContent-Type: ${part}\n\n${content}`).join("\n")}
--=_boundary--
`);

const status = "message/delivery-status";
const text = "text/plain; charset=us-ascii";

const postfix = report(
  "delivery-status",
  `From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied`,
  [
    [text, "This is the mail system at host mx.example.net.\n\nI'm sorry to have to inform you…"],
    [
      status,
      `Reporting-MTA: dns; mx.example.net
X-Postfix-Queue-ID: 4Xyz
X-Postfix-Sender: rfc822; b+abc@bounces.example.org
Arrival-Date: Tue,  1 Dec 2026 12:00:00 +0000 (UTC)

Final-Recipient: rfc822; bob@example.net
Original-Recipient: rfc822;bob@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; inner.example.net
Diagnostic-Code: smtp; 550 5.1.1 <bob@example.net>: Recipient address rejected:
    User unknown in virtual mailbox table`,
    ],
    ["text/rfc822-headers", "Return-Path: <b+abc@bounces.example.org>\nSubject: Hello"],
  ],
);

/** Of a local user, without an answer over SMTP. */
const postfixLocal = postfix.replace(
  /Diagnostic-Code: [^-]*?table/,
  'Diagnostic-Code: X-Postfix; unknown user: "bob"',
);

const exim = report(
  "delivery-status",
  `X-Failed-Recipients: bob@example.net
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mail.example.net>
Subject: Mail delivery failed: returning message to sender`,
  [
    [
      text,
      `This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  bob@example.net
    host mx.example.net [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<bob@example.net>:
    552 5.2.2 Mailbox full`,
    ],
    [
      status,
      `Reporting-MTA: dns; mail.example.net

Action: failed
Final-Recipient: rfc822;bob@example.net
Status: 5.0.0
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full`,
    ],
  ],
);

/** Of an older version, which sends only the text. */
const eximText = lines(`
X-Failed-Recipients: bob@example.net
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mail.example.net>
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1@mail.example.net>

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  bob@example.net
    SMTP error from remote mail server after RCPT TO:<bob@example.net>:
    host mx.example.net [192.0.2.1]: 550 No such user here

------ This is a copy of the message, including all the headers. ------

Return-path: <b+abc@bounces.example.org>
Subject: A mailbox that is full: 552 5.2.2
`);

const eximDelayed = lines(`
From: Mail Delivery System <Mailer-Daemon@mail.example.net>
Subject: Warning: message 1abc delayed 24 hours
Auto-Submitted: auto-replied

This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mail.example.net.

  bob@example.net
    host mx.example.net [192.0.2.1]
    Delay reason: 451 4.7.1 Greylisted

No action is required on your part. Delivery attempts will continue.
`);

const exchange = report(
  "delivery-status",
  `From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.net>
Subject: Undeliverable: Hello
X-MS-Exchange-Message-Is-Ndr:`,
  [
    ["text/html; charset=utf-8", "<p>Your message to bob@example.net couldn't be delivered.</p>"],
    [
      status,
      `Reporting-MTA: dns;AM0PR01MB0001.eurprd01.prod.exchangelabs.com
Received-From-MTA: dns;mail.example.org

Final-recipient: RFC822;bob@example.net
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@example.net not found by SMTP address lookup
X-Display-Name: Bob`,
    ],
  ],
);

const gmail = report(
  "delivery-status",
  `From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
X-Failed-Recipients: bob@gmail.com`,
  [
    [text, "** Address not found **\n\nYour message wasn't delivered to bob@gmail.com"],
    [
      status,
      `Reporting-MTA: dns; googlemail.com
Arrival-Date: Tue, 01 Dec 2026 04:00:00 -0800 (PST)

Final-Recipient: rfc822; bob@gmail.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; gmail-smtp-in.l.google.com. (192.0.2.9, the server for the
 domain gmail.com.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please
 try
 550-5.1.1 double-checking the recipient's email address for typos or
 550 5.1.1 unnecessary spaces. - gsmtp`,
    ],
  ],
);

const qmail = lines(`
From: MAILER-DAEMON@mail.example.net
To: b+abc@bounces.example.org
Subject: failure notice

Hi. This is the qmail-send program at mail.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<bob@example.net>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <b+abc@bounces.example.org>
`);

const sendmail = report(
  "delivery-status",
  `From: Mail Delivery Subsystem <MAILER-DAEMON@mail.example.net>
Subject: Returned mail: see transcript for details
Auto-Submitted: auto-generated (failure)`,
  [
    [text, "   ----- The following addresses had permanent fatal errors -----\n<bob@example.net>"],
    [
      status,
      `Reporting-MTA: dns; mail.example.net
Received-From-MTA: DNS; sender.example.org

Final-Recipient: RFC822; bob@example.net
Action: failed
Status: 5.7.1
Remote-MTA: DNS; mx.example.net
Diagnostic-Code: SMTP; 554 5.7.1 Message rejected as spam
Last-Attempt-Date: Tue, 1 Dec 2026 12:00:00 GMT`,
    ],
  ],
);

/** A message that was kept for days and then given up. */
const expired = sendmail
  .replace("Status: 5.7.1", "Status: 4.4.7")
  .replace(/Diagnostic-Code: .*/, "Diagnostic-Code: SMTP; 451 4.4.1 reply: read error from mx");

const delivered = postfix
  .replace("Action: failed", "Action: delivered (to the mailbox)")
  .replace("Status: 5.1.1", "Status: 2.0.0");

/** Yahoo and Microsoft report what their users say in this form. */
const complaint = report(
  "feedback-report",
  `From: <feedback@arf.mail.example.com>
Subject: Complaint about message from 192.0.2.10`,
  [
    [text, "This is an email abuse report"],
    [
      "message/feedback-report",
      `Feedback-Type: abuse
User-Agent: Example-FBL/1.0
Version: 1
Original-Rcpt-To: <bob@example.com>
Source-IP: 192.0.2.10`,
    ],
    ["message/rfc822", "Return-Path: <b+abc@bounces.example.org>\nSubject: Hello\n\nText"],
  ],
);

const absence = lines(`
From: Bob <bob@example.net>
Subject: Out of Office: Hello
Auto-Submitted: auto-replied
Message-ID: <away@example.net>

I am away. Mail could not be delivered to me by hand, and 550 other things.
`);

const letter = lines(`
From: Bob <bob@example.net>
Subject: Undelivered
Message-ID: <letter@example.net>

My parcel could not be delivered. 550 5.1.1 is a number.
`);

export const samples = {
  postfix,
  postfixLocal,
  exim,
  eximText,
  eximDelayed,
  exchange,
  gmail,
  qmail,
  sendmail,
  expired,
  delivered,
  complaint,
  absence,
  letter,
};
