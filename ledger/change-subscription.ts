import { mergePatch, withoutEmpty } from "../domain/merge-patch.ts";
import type { NotificationType } from "../domain/policy/notification-type.ts";
import { isTypeOn, type Preferences } from "../domain/policy/preferences.ts";
import type { Unsubscription } from "../domain/unsubscribing.ts";
import { suppressUnsubscribed } from "./bounces.ts";
import { engagementsNow, recordEngagements } from "./engagement.ts";
import { changeNamedTopic, readNamedTopic } from "./named-topic.ts";
import { trimPreferenceVersions } from "./preference-versions.ts";
import { idOf } from "./recipient-actions.ts";
import type { Execute } from "./sql.ts";
import { releaseDeferredDeliveries, type RowThatLeft } from "./transitions.ts";
import {
  endUnsubscription,
  readSubscriber,
  readUndoable,
  recordSubscription,
  type Subscriber,
  writePreferences,
} from "./unsubscribing.ts";

/** `listed`: unsubscribe from what the link names. `all`: from all email that can be switched off. `undo`: receive what the link names again. */
export const subscriptionChoices = ["listed", "all", "undo"] as const;
export type SubscriptionChoice = (typeof subscriptionChoices)[number];

/** Who chooses from what, and by which message; null in the preference centre. */
export type Choosing = Omit<Unsubscription, "message"> & {
  message: Unsubscription["message"] | null;
};

/**
 * Unsubscribes the recipient of a message, or subscribes them again, and releases what the policy holds for them. Needs a transaction. A choice that is
 * repeated changes nothing more. A message undoes only what was chosen within a day. Each change is recorded as an event.
 * @param type the type that the link names; null for all email, and for a type that no longer exists
 * @returns the recipient as they are now, and the rows whose workflows have to be woken; null if there is no such recipient any more
 */
export async function changeSubscription(
  execute: Execute,
  { recipientId, typeId, topicId, message }: Choosing,
  type: NotificationType | null,
  choice: SubscriptionChoice,
  { mailboxShards, now }: { mailboxShards: number; now: Date },
): Promise<{ subscriber: Subscriber; released: RowThatLeft[] } | null> {
  const subscriber = await readSubscriber(execute, recipientId, { lock: true });
  if (subscriber === null || subscriber.isErased) return null;
  const isWanted = choice === "undo";
  const deliveryId = message !== null && "delivery" in message ? message.delivery : null;
  const record = (key: string | null) =>
    recordSubscription(execute, {
      kind: isWanted ? "recipient.resubscribed" : "recipient.unsubscribed",
      deliveryId,
      recipientId,
      type: key,
    });
  const isUndoable =
    isWanted && message !== null ? await readUndoable(execute, recipientId) : () => true;
  const isAll = choice === "all" || (typeId === null && topicId === null);
  // Who wants a type again, while all email is off, wants its messages.
  if (isAll || isWanted) {
    const { email } = subscriber;
    const isChanged =
      email !== null &&
      isUndoable({ type: null, topic: null }) &&
      (await (isWanted
        ? endUnsubscription(execute, email)
        : suppressUnsubscribed(execute, { recipientId, address: email })));
    if (isChanged) await record(null);
  }
  if (
    !isAll &&
    type &&
    !type.mandatory &&
    isOnByEmail(subscriber, type) !== isWanted &&
    isUndoable({ type: type.key, topic: null })
  ) {
    subscriber.preferences = switchEmail(subscriber.preferences, type, isWanted);
    const preferencesVersion = await writePreferences(execute, subscriber);
    await trimPreferenceVersions(execute, [{ id: recipientId, preferencesVersion }]);
    await record(type.key);
  }
  if (!isAll && topicId !== null) {
    const named = await readNamedTopic(execute, subscriber, topicId);
    // The link of a forwarded message must not subscribe somebody who never was subscribed.
    const isPossible = !isWanted || named?.canReturn === true;
    if (named && isPossible && isUndoable({ type: null, topic: named.topic.key }))
      await changeNamedTopic(execute, named.topic, { recipientId, deliveryId, isWanted, now });
  }
  if (!isWanted && message !== null)
    await recordEngagements(execute, engagementsNow([idOf(message)], "unsubscribed"), recipientId);
  return {
    subscriber,
    released: await releaseDeferredDeliveries(execute, [recipientId], { mailboxShards }),
  };
}

/** Whether a recipient receives a type by email. */
export function isOnByEmail(
  { preferences }: Pick<Subscriber, "preferences">,
  { key }: NotificationType,
): boolean {
  const stated = preferences?.types?.[key];
  return isTypeOn(stated) && isTypeOn(stated, "email");
}

/** Switches a type on or off by email, and leaves its other channels as they are. */
function switchEmail(
  preferences: Preferences | null,
  { key, channels }: NotificationType,
  isOn: boolean,
): Preferences {
  const stated = preferences?.types?.[key];
  // A type that was switched off as a whole stays off on its other channels.
  const others =
    stated === false ? Object.fromEntries(channels.map((channel) => [channel, false])) : {};
  return withoutEmpty(
    mergePatch(preferences ?? {}, {
      types: { [key]: { ...others, email: isOn ? null : false } },
    }) as Preferences,
  );
}
