import { createHmac, createSign, generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isOfSns, SnsTopics } from "../../api/inbound/sns.ts";
import { publicId } from "../../domain/ids.ts";
import { certificate } from "../outbound/certificate.ts";
import { insertPushDeliveries } from "../support/push-deliveries.ts";
import { type Api, seed, startApi } from "./harness.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const mailgunKey = "a signing key of mailgun";
const postmarkSecret = "a password of postmark";
const topic = "arn:aws:sns:eu-west-1:123456789012:ses";

let api: Api;
let id: string;
beforeAll(async () => {
  api = await startApi({
    config: {
      inbound: {
        bounceDomain: null,
        sesTopics: [topic],
        sendGridKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
        mailgunKeys: [mailgunKey],
        postmarkSecrets: [postmarkSecret],
      },
    },
  });
  await seed(api, 1);
});
afterAll(() => api.stop());
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, notifications, engagements, suppressions, inbound_reports CASCADE`;
  const { id: recipientId } = await api.prisma.recipient.findFirstOrThrow();
  [id] = (await insertPushDeliveries(api, recipientId)) as [string];
  await api.prisma.$executeRaw`UPDATE ended_deliveries SET channel = 'email'`;
});

const rows = async () => {
  const [delivery] = await api.prisma.endedDelivery.findMany();
  const suppressed = await api.prisma.suppression.findMany();
  return { status: delivery!.status, suppressed: suppressed.map(({ reason }) => reason) };
};
const post = (provider: string, body: unknown, headers: Record<string, string> = {}) =>
  api.send("POST", `/v1/inbound/${provider}`, body, { "content-type": "text/plain", ...headers });

const events = () => {
  const email = "u0@example.org";
  const shared = { email, "smtp-id": `<${publicId("delivery", id)}@example.org>`, timestamp: 1 };
  return JSON.stringify([
    { ...shared, event: "delivered", sg_event_id: "1" },
    { ...shared, event: "bounce", sg_event_id: "2", type: "bounce", reason: "550 5.1.1 unknown" },
    { ...shared, event: "spamreport", sg_event_id: "3", "smtp-id": "<other@example.org>" },
  ]);
};
const signedBySendGrid = (body: string, timestamp = "1600112502") => ({
  "x-twilio-email-event-webhook-timestamp": timestamp,
  "x-twilio-email-event-webhook-signature": sign(
    "sha256",
    Buffer.from(timestamp + body),
    privateKey,
  ).toString("base64"),
});

describe("POST /v1/inbound/{provider}", () => {
  it("records the events of a signed webhook once, and nothing of another", async () => {
    const body = events();
    const headers = signedBySendGrid(body);
    for (const [sent, signed] of [
      [body.replace("5.1.1", "5.1.2"), headers],
      [body, {}],
      [body, { ...headers, "x-twilio-email-event-webhook-timestamp": "1600112503" }],
      [body, { ...headers, "x-twilio-email-event-webhook-signature": "AAAA" }],
    ] as const)
      expect((await post("sendgrid", sent, signed)).status).toBe(403);
    expect(await rows()).toEqual({ status: "sent", suppressed: [] });
    for (let time = 0; time < 2; time += 1)
      expect((await post("sendgrid", body, headers)).status).toBe(204);
    expect(await rows()).toEqual({ status: "failed", suppressed: ["bounced"] });
    expect(await api.prisma.inboundReport.count()).toBe(2);
    expect(await api.prisma.engagement.findMany()).toMatchObject([
      { deliveredAt: new Date(1_000), bouncedAt: new Date(1_000), complainedAt: null },
    ]);
  });

  it("accepts Mailgun's signature of a recent token, for one event", async () => {
    const now = Math.floor(Date.now() / 1_000);
    const webhook = (event: string, at = now, token = "token") => {
      const timestamp = String(at);
      const signed = createHmac("sha256", mailgunKey).update(`${timestamp}${token}`);
      const signature = signed.digest("hex");
      const headers = { "message-id": `${publicId("delivery", id)}@example.org` };
      return {
        signature: { timestamp, token, signature },
        "event-data": { event, recipient: "u0@example.org", message: { headers } },
      };
    };
    const forged = webhook("complained");
    forged.signature.timestamp += "0";
    for (const refused of [forged, webhook("complained", 1_529_006_854), {}, "text"])
      expect((await post("mailgun", refused)).status).toBe(403);
    expect((await post("mailgun", webhook("delivered"))).status).toBe(204);
    // What was captured on its way is not valid for another event.
    expect((await post("mailgun", webhook("complained"))).status).toBe(204);
    // Neither is that of an event that says nothing about a message, is about another message, or has another form.
    const other = webhook("complained", now, "foreign");
    other["event-data"].message.headers["message-id"] = "other@example.org";
    const misshapen = { ...webhook("opened", now, "misshapen"), "event-data": [] };
    for (const [token, skipped] of [
      ["skipped", webhook("opened", now, "skipped")],
      ["foreign", other],
      ["misshapen", misshapen],
    ] as const) {
      expect((await post("mailgun", skipped)).status).toBe(204);
      expect((await post("mailgun", webhook("complained", now, token))).status).toBe(204);
    }
    expect(await rows()).toEqual({ status: "delivered", suppressed: [] });
    expect((await post("mailgun", webhook("complained", now, "fresh"))).status).toBe(204);
    expect(await rows()).toEqual({ status: "delivered", suppressed: ["complained"] });
  });

  it("accepts Postmark's password", async () => {
    const body = {
      RecordType: "SpamComplaint",
      Type: "SpamComplaint",
      Email: "U0@example.org",
      ID: 1,
      Metadata: { tidings: publicId("delivery", id) },
    };
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`tidings:${password}`).toString("base64")}`,
    });
    expect((await post("postmark", body)).status).toBe(403);
    expect((await post("postmark", body, basic("another password"))).status).toBe(403);
    expect((await post("postmark", body, basic(postmarkSecret))).status).toBe(204);
    expect(await rows()).toEqual({ status: "sent", suppressed: ["complained"] });
  });

  it("takes no message of SNS for another topic or host, and no other provider", async () => {
    const message = { TopicArn: `${topic}-other`, Type: "Notification" };
    expect((await post("ses", message)).status).toBe(403);
    expect((await post("ses", "not JSON")).status).toBe(403);
    expect((await post("unknown", "{}")).status).toBe(422);
    expect((await post("sendgrid", "x".repeat(1_100_000))).status).toBe(413);
  });
});

describe("messages of SNS", () => {
  const asked: string[] = [];
  const topics = new SnsTopics([topic], {
    send: async ({ url }) => {
      asked.push(url);
      return { kind: "answered", status: 200, headers: {}, text: certificate.cert, complete: true };
    },
  });
  const url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem";
  const signed = (version: "1" | "2", more: Record<string, string> = {}) => {
    const message: Record<string, string> = {
      Type: "Notification",
      MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
      TopicArn: topic,
      Subject: "My First Message",
      Message: "Hello world!",
      Timestamp: "2012-05-02T00:54:06.655Z",
      SignatureVersion: version,
      SigningCertURL: url,
      ...more,
    };
    const isSubscription = message.Type === "SubscriptionConfirmation";
    const names = isSubscription
      ? ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
      : ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
    const text = names.map((name) => `${name}\n${message[name]}\n`).join("");
    const signature = createSign(version === "1" ? "RSA-SHA1" : "RSA-SHA256").update(text);
    return { ...message, Signature: signature.sign(certificate.key, "base64") };
  };

  it("are verified with a certificate of SNS, which is fetched once", async () => {
    for (const version of ["1", "2"] as const) {
      expect(await topics.verify(signed(version))).toMatchObject({ Message: "Hello world!" });
      expect(await topics.verify({ ...signed(version), Message: "Hello World!" })).toBeNull();
    }
    expect(asked).toEqual([url]);
    const subscription = signed("2", {
      Type: "SubscriptionConfirmation",
      Token: "token",
      SubscribeURL: "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
    });
    const verified = await topics.verify(subscription);
    expect(await topics.confirm(verified!)).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it("cause no request to another host, or for anything but a certificate", async () => {
    asked.length = 0;
    for (const foreign of [
      "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
      "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem",
      "https://s3.amazonaws.com/bucket/x.pem",
      "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem",
      "http://sns.eu-west-1.amazonaws.com/x.pem",
      "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
      "https://sns.eu-west-1.amazonaws.com/x.txt",
      "https://sns.eu-west-1.amazonaws.com/x.pem",
      `${url}?Action=GetEndpointAttributes`,
      // Another region, and another part of Amazon.
      url.replace("eu-west-1", "us-east-1"),
      url.replace(".com/", ".com.cn/"),
      "not a url",
    ])
      expect(await topics.verify(signed("2", { SigningCertURL: foreign }))).toBeNull();
    expect(await topics.verify(signed("2", { TopicArn: `${topic}-other` }))).toBeNull();
    for (const SubscribeURL of ["https://evil.example/", "https://sns.us-east-1.amazonaws.com/"])
      expect(await topics.confirm({ SubscribeURL, TopicArn: topic } as never)).toBe(false);
    expect(asked).toEqual([]);
    expect(isOfSns(url, topic)).toBe(true);
    const chinese = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem";
    expect(isOfSns(chinese, "arn:aws-cn:sns:cn-north-1:123456789012:ses")).toBe(true);
  });
});
