import { publicNameOf } from "../../domain/topics.ts";
import { engagementsNow, recordEngagements } from "../../ledger/engagement.ts";
import type { Execute } from "../../ledger/sql.ts";
import { type KnownTopic, readTopicsById } from "../../ledger/topics.ts";
import { readSubscriptions } from "../../ledger/topic-subscriptions.ts";
import type { Subscriber } from "../../ledger/unsubscribing.ts";
import { recordSubscription } from "../../ledger/unsubscribing.ts";
import type { Unsubscription } from "../../domain/unsubscribing.ts";
import { subscribe, unsubscribe } from "../topics/subscribing.ts";

/** Reads the topic that a link names, its name for the subscriber, and whether they are subscribed to it; null if it does not exist. */
export async function readNamedTopic(
  execute: Execute,
  { id, locale }: Pick<Subscriber, "id" | "locale">,
  topicId: string,
): Promise<{ topic: KnownTopic; name: string; isSubscribed: boolean } | null> {
  const [topic] = await readTopicsById(execute, [topicId]);
  if (!topic) return null;
  const current = (await readSubscriptions(execute, [id], [topicId]))(id, topicId);
  return {
    topic,
    name: publicNameOf(topic, locale),
    isSubscribed: current?.status === "subscribed",
  };
}

/** Ends the subscription of a locked subscriber to the topic that a link names, or begins it again. A choice that is repeated changes nothing more. */
export async function changeNamedTopic(
  execute: Execute,
  topic: KnownTopic,
  {
    recipientId,
    message,
    isWanted,
    now,
  }: Pick<Unsubscription, "recipientId" | "message"> & { isWanted: boolean; now: Date },
): Promise<void> {
  const consent = {
    way: "recipient",
    actor: null,
    source: null,
    locale: null,
    textVersion: null,
  } as const;
  const shared = { recipientId, consent, now };
  const topics = [{ id: topic.id, isConfirmed: true }];
  const isChanged = isWanted
    ? (await subscribe(execute, { ...shared, topics })).subscribed.length > 0
    : await unsubscribe(execute, { ...shared, topicId: topic.id });
  if (!isChanged) return;
  await recordSubscription(execute, {
    kind: isWanted ? "topic.subscribed" : "topic.unsubscribed",
    deliveryId: "delivery" in message ? message.delivery : null,
    recipientId,
    type: null,
    topic: topic.key,
  });
  const id = "delivery" in message ? message.delivery : message.group;
  if (!isWanted)
    await recordEngagements(execute, engagementsNow([id], "unsubscribed"), recipientId);
}
