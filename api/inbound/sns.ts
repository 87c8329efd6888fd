import { createVerify, type KeyObject, X509Certificate } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { OutboundClient } from "../../lib/outbound/client.ts";

const text = z.string().max(300_000);

/** A message of Amazon SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html */
const snsMessage = z.looseObject({
  Type: z.enum(["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]),
  MessageId: text,
  TopicArn: text,
  Message: text,
  Timestamp: text,
  SignatureVersion: z.enum(["1", "2"]),
  Signature: text,
  SigningCertURL: text,
  Subject: text.nullish(),
  SubscribeURL: text.optional(),
  Token: text.optional(),
});

export type SnsMessage = z.output<typeof snsMessage>;

const keptKeys = 10;
const keptMs = 24 * 3_600_000;

/** Verifies messages of SNS, and confirms subscriptions to the configured topics. */
export class SnsTopics {
  readonly #topics: ReadonlySet<string>;
  readonly #http: Pick<OutboundClient, "send">;
  /** The keys of certificates, by their URLs. */
  readonly #keys = new Map<string, { key: KeyObject; untilMs: number }>();

  constructor(topics: readonly string[], http: Pick<OutboundClient, "send">) {
    this.#topics = new Set(topics);
    this.#http = http;
  }

  /**
   * Resolves with a message of a configured topic whose signature is valid; null for any other body. Rejects if the certificate cannot be had.
   * Nothing is requested for the message of another topic.
   */
  async verify(body: unknown): Promise<SnsMessage | null> {
    const read = snsMessage.safeParse(body);
    if (!read.success || !this.#topics.has(read.data.TopicArn)) return null;
    const message = read.data;
    if (!isCertificate(message.SigningCertURL, message.TopicArn)) return null;
    const key = await this.#findKey(message.SigningCertURL);
    if (key === null) return null;
    const algorithm = message.SignatureVersion === "2" ? "RSA-SHA256" : "RSA-SHA1";
    return createVerify(algorithm)
      .update(signedText(message))
      .verify(key, message.Signature, "base64")
      ? message
      : null;
  }

  /** Confirms a subscription. Resolves with whether SNS has accepted it. */
  async confirm({ SubscribeURL: url = "", TopicArn: topic }: SnsMessage): Promise<boolean> {
    if (!isOfSns(url, topic)) return false;
    const outcome = await this.#http.send({ url, method: "GET", headers: {} });
    return outcome.kind === "answered" && outcome.status === 200;
  }

  /** Null if the certificate is none. */
  async #findKey(url: string): Promise<KeyObject | null> {
    const kept = this.#keys.get(url);
    if (kept && kept.untilMs > performance.now()) return kept.key;
    const outcome = await this.#http.send({ url, method: "GET", headers: {} });
    if (outcome.kind !== "answered" || outcome.status !== 200 || !outcome.complete)
      throw new Error("the certificate of SNS cannot be fetched");
    try {
      const { publicKey: key } = new X509Certificate(outcome.text ?? "");
      this.#keys.set(url, { key, untilMs: performance.now() + keptMs });
      if (this.#keys.size > keptKeys) this.#keys.delete(this.#keys.keys().next().value!);
      return key;
    } catch {
      return null;
    }
  }
}

/** The host of SNS in the region and the partition of a topic; null if it is no name of a topic. */
function hostOf(topic: string): string | null {
  const [, partition, region] =
    /^arn:(aws[a-z-]{0,20}):sns:([a-z\d-]{3,40}):\d+:/.exec(topic) ?? [];
  if (region === undefined) return null;
  return `sns.${region}.amazonaws.com${partition === "aws-cn" ? ".cn" : ""}`;
}

/**
 * Whether a URL is one of SNS itself, in the region of the topic: everybody can have a certificate elsewhere, also in other services of Amazon, and one region must
 * not speak for another.
 */
export function isOfSns(url: string, topic: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, port, username, password } = new URL(url);
  return (
    protocol === "https:" &&
    port === "" &&
    username === "" &&
    password === "" &&
    hostname === hostOf(topic)
  );
}

/**
 * Whether a URL is that of a certificate of SNS. Other addresses of the same host are calls of its interface, whose answers may contain a text that
 * somebody else has stored, such as a certificate of their own.
 */
function isCertificate(url: string, topic: string): boolean {
  if (!isOfSns(url, topic)) return false;
  const { pathname, search } = new URL(url);
  return search === "" && /^\/SimpleNotificationService-[\da-z]{1,64}\.pem$/i.test(pathname);
}

/** What is signed: names and values on lines of their own, in the order of the names. */
function signedText(message: SnsMessage): string {
  const names =
    message.Type === "Notification"
      ? (["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"] as const)
      : ([
          "Message",
          "MessageId",
          "SubscribeURL",
          "Timestamp",
          "Token",
          "TopicArn",
          "Type",
        ] as const);
  return names
    .flatMap((name) => (message[name] == null ? [] : [`${name}\n${message[name]}\n`]))
    .join("");
}
