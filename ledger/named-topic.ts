import { publicNameOf } from "../domain/topics.ts";
import type { Execute } from "./sql.ts";
import { type KnownTopic, readTopicsById } from "./topics.ts";
import { readSubscriptions } from "./topic-subscriptions.ts";
import type { Subscriber } from "./unsubscribing.ts";
import { recordSubscription } from "./unsubscribing.ts";
import { subscribe, unsubscribe } from "./subscribing.ts";

/** Reads the topic that a link names, its name for the subscriber, and whether they are subscribed to it; null if it does not exist. */
export async function readNamedTopic(
  execute: Execute,
  { id, locale }: Pick<Subscriber, "id" | "locale">,
  topicId: string,
): Promise<{
  topic: KnownTopic;
  name: string;
  isSubscribed: boolean;
  /** Whether they have left it, and can still come back by the link with which they left. */
  canReturn: boolean;
} | null> {
  const [topic] = await readTopicsById(execute, [topicId]);
  if (!topic) return null;
  const current = (await readSubscriptions(execute, [id], [topicId]))(id, topicId);
  return {
    topic,
    name: publicNameOf(topic, locale),
    isSubscribed: current?.status === "subscribed",
    canReturn: current?.status === "unsubscribed" && !topic.isArchived,
  };
}

/** Ends the subscription of a locked subscriber to the topic that a link names, or begins it again. A choice that is repeated changes nothing more. */
export async function changeNamedTopic(
  execute: Execute,
  topic: KnownTopic,
  {
    recipientId,
    deliveryId,
    isWanted,
    now,
  }: { recipientId: string; deliveryId: string | null; isWanted: boolean; now: Date },
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
    deliveryId,
    recipientId,
    type: null,
    topic: topic.key,
  });
}
