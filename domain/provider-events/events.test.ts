import { describe, expect, it } from "vitest";
import { bounceClassOf } from "../delivery/bounce-class.ts";
import { newUuid, publicId } from "../ids.ts";
import { createReturnAddresses } from "../return-addresses.ts";
import { findMessage, type ProviderEvent } from "./event.ts";
import { readMailgunEvents } from "./mailgun.ts";
import { readPostmarkEvents } from "./postmark.ts";
import { readSendGridEvents } from "./sendgrid.ts";
import { readSesEvents } from "./ses.ts";

// The samples have the form of those in the documentation of the providers, with the ids of our messages.

const delivery = newUuid();
const id = publicId("delivery", delivery);
const addresses = createReturnAddresses(
  ["a secret of at least thirty-two characters"],
  "b.example",
);

/** What matters of events, once they are known to be about our message. */
const shown = (events: readonly ProviderEvent[]) =>
  events.map(({ texts, report }) => {
    expect(findMessage(texts, addresses)).toEqual({ delivery });
    const { kind, addresses: named, failure, at } = report;
    return [kind, named[0], bounceClassOf(failure), at?.toISOString() ?? null];
  });

describe("SES", () => {
  const mail = {
    timestamp: "2016-01-27T14:59:38.237Z",
    messageId: "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa0680-000000",
    source: addresses.of("bounce", { delivery }),
    sourceArn: "arn:aws:ses:us-east-1:888888888888:identity/example.com",
    destination: ["jane@example.com"],
    headersTruncated: false,
    headers: [
      { name: "From", value: '"John Doe" <john@example.com>' },
      { name: "X-Tidings-Delivery", value: id },
    ],
    commonHeaders: { subject: "Hello", messageId: `<${id}@example.com>` },
  };
  const bounce = (bounceType: string, bounceSubType: string, answer: object) => ({
    notificationType: "Bounce",
    bounce: {
      bounceType,
      bounceSubType,
      reportingMTA: "dns; email.example.com",
      bouncedRecipients: [{ emailAddress: "jane@example.com", action: "failed", ...answer }],
      timestamp: "2016-01-27T14:59:38.237Z",
      feedbackId: "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa068a-000000",
      remoteMtaIp: "127.0.2.0",
    },
    mail,
  });
  const at = "2016-01-27T14:59:38.237Z";

  it.each([
    [
      "Permanent",
      "General",
      { status: "5.1.1", diagnosticCode: "smtp; 550 5.1.1 user unknown" },
      "hard",
    ],
    ["Permanent", "NoEmail", {}, "hard"],
    ["Permanent", "Suppressed", {}, "hard"],
    ["Permanent", "General", { diagnosticCode: "smtp; 554 5.7.1 blocked" }, "block"],
    ["Permanent", "General", {}, "soft"],
    ["Transient", "MailboxFull", {}, "full"],
    ["Transient", "ContentRejected", {}, "block"],
    ["Undetermined", "Undetermined", {}, "soft"],
  ])("returns: %s, %s, %j is %s", (type, subType, answer, expected) => {
    expect(shown(readSesEvents("sns", bounce(type, subType, answer)))).toEqual([
      ["bounced", "jane@example.com", expected, at],
    ]);
  });

  it("takes an absent reader for no bounce, and reads the events of configuration sets", () => {
    expect(shown(readSesEvents("sns", bounce("Transient", "General", {})))).toEqual([
      ["automatic", "jane@example.com", null, at],
    ]);
    const complaint = {
      complainedRecipients: [{ emailAddress: "jane@example.com" }],
      timestamp: at,
      complaintFeedbackType: "abuse",
    };
    const byPath = { ...mail, headers: undefined, commonHeaders: undefined };
    expect(
      shown([
        ...readSesEvents("1", { eventType: "Complaint", complaint, mail: byPath }),
        ...readSesEvents("2", {
          eventType: "Complaint",
          complaint: { ...complaint, complaintFeedbackType: "not-spam" },
          mail,
        }),
        ...readSesEvents("3", {
          eventType: "Delivery",
          delivery: { timestamp: at, recipients: ["jane@example.com"], smtpResponse: "250 ok" },
          mail,
        }),
        ...readSesEvents("4", { eventType: "Open", open: {}, mail }),
        ...readSesEvents("5", "garbage"),
      ]),
    ).toEqual([
      ["complained", "jane@example.com", null, at],
      ["not_spam", "jane@example.com", null, at],
      ["delivered", "jane@example.com", null, at],
    ]);
  });
});

it("SendGrid", () => {
  const shared = {
    email: "example@test.com",
    timestamp: 1513299569,
    "smtp-id": `<${id}@example.com>`,
    category: ["cat facts"],
    sg_message_id: "sg_message_id",
  };
  let number = 0;
  const event = (name: string, more: object = {}) => ({
    ...shared,
    event: name,
    sg_event_id: `sg_event_id_${(number += 1)}`,
    ...more,
  });
  const events = readSendGridEvents([
    event("processed"),
    event("delivered", { response: "250 OK" }),
    event("deferred", { response: "400 try again later", attempt: "5" }),
    event("bounce", { type: "bounce", reason: "500 unknown recipient", status: "5.0.0" }),
    event("bounce", { type: "bounce", reason: "550 5.1.1 The email account does not exist" }),
    event("bounce", { type: "blocked", reason: "550 5.7.1 listed", status: "5.7.1" }),
    event("dropped", { reason: "Bounced Address", status: "5.0.0" }),
    event("dropped", { reason: "Spam Reporting Address" }),
    event("spamreport"),
    event("group_unsubscribe", { asm_group_id: 10 }),
    { event: "bounce" },
    null,
  ]);
  const at = "2017-12-15T00:59:29.000Z";
  expect(shown(events).map(([kind, , bounce]) => [kind, bounce])).toEqual([
    ["delivered", null],
    ["bounced", "block"],
    ["bounced", "hard"],
    ["bounced", "block"],
    ["bounced", "hard"],
    ["bounced", "block"],
    ["complained", null],
    ["unsubscribed", null],
  ]);
  expect(shown(events)[0]).toEqual(["delivered", "example@test.com", null, at]);
  expect(new Set(events.map((one) => one.id)).size).toBe(events.length);
  expect(readSendGridEvents({ event: "bounce" })).toEqual([]);
});

it("Mailgun", () => {
  const webhook = (event: string, more: object = {}) => ({
    signature: { timestamp: "1529006854", token: "a8ce0edb2dd8301dee6c", signature: "d2271d12" },
    "event-data": {
      id: "G9Bn5sl1TC6nu79C8C0bwg",
      timestamp: 1521233195.375624,
      event,
      recipient: "alice@example.com",
      message: { headers: { to: "Alice <alice@example.com>", "message-id": `${id}@example.com` } },
      ...more,
    },
  });
  const failed = (severity: string, reason: string, status: object) =>
    readMailgunEvents(webhook("failed", { severity, reason, "delivery-status": status }));
  expect(
    shown([
      ...readMailgunEvents(webhook("delivered")),
      ...failed("permanent", "bounce", { code: 550, message: "5.1.1 The account does not exist" }),
      ...failed("permanent", "suppress-bounce", { code: 605, description: "Not delivering" }),
      ...failed("permanent", "old", { code: 602, message: "Too old", "enhanced-code": "4.4.7" }),
      ...failed("temporary", "generic", { code: 452, message: "4.2.2 over quota" }),
      ...readMailgunEvents(webhook("complained")),
      ...readMailgunEvents(webhook("unsubscribed")),
      ...readMailgunEvents(webhook("opened")),
      ...readMailgunEvents([]),
    ]).map(([kind, address, bounce]) => [kind, address, bounce]),
  ).toEqual([
    ["delivered", "alice@example.com", null],
    ["bounced", "alice@example.com", "hard"],
    ["bounced", "alice@example.com", "hard"],
    ["bounced", "alice@example.com", "soft"],
    ["complained", "alice@example.com", null],
    ["unsubscribed", "alice@example.com", null],
  ]);
});

it("Postmark", () => {
  const bounce = (Type: string, TypeCode: number, Details: string) => ({
    RecordType: "Bounce",
    MessageStream: "outbound",
    ID: 42,
    Type,
    TypeCode,
    MessageID: "883953f4-6105-42a2-a16a-77a8eac79483",
    Metadata: { tidings: id },
    Description: "The server was unable to deliver your message.",
    Details,
    Email: "john@example.com",
    BouncedAt: "2019-11-05T16:33:54.9070259Z",
  });
  const metadata = { Metadata: { tidings: id }, MessageID: "883953f4" };
  expect(
    shown([
      ...readPostmarkEvents(bounce("HardBounce", 1, "smtp;550 5.1.1 unknown")),
      ...readPostmarkEvents(bounce("SoftBounce", 4096, "452 4.2.2 The mailbox is full")),
      ...readPostmarkEvents(bounce("SpamNotification", 512, "Test bounce details")),
      ...readPostmarkEvents(bounce("Transient", 2, "later")),
      ...readPostmarkEvents(bounce("AutoResponder", 32, "away")),
      ...readPostmarkEvents({ ...bounce("SpamComplaint", 512, ""), RecordType: "SpamComplaint" }),
      ...readPostmarkEvents({
        RecordType: "Delivery",
        Recipient: "john@example.com",
        DeliveredAt: "2019-11-05T16:33:54Z",
        ...metadata,
      }),
      ...readPostmarkEvents({
        RecordType: "SubscriptionChange",
        Recipient: "john@example.com",
        SuppressSending: true,
        SuppressionReason: "ManualSuppression",
        ChangedAt: "2020-02-01T10:53:34Z",
        ...metadata,
      }),
      ...readPostmarkEvents({ RecordType: "Open", Recipient: "john@example.com", ...metadata }),
    ]).map(([kind, , bounced]) => [kind, bounced]),
  ).toEqual([
    ["bounced", "hard"],
    ["bounced", "full"],
    ["bounced", "block"],
    ["delayed", null],
    ["automatic", null],
    ["complained", null],
    ["delivered", null],
    ["unsubscribed", null],
  ]);
});

it("finds no message in other texts", () => {
  expect(
    findMessage(["<x@example.com>", "dlv_short", "b+abc@b.example", ""], addresses),
  ).toBeNull();
});
