import type { Context } from "hono";
import type { PoolClient } from "pg";
import { mergePatch, withoutEmpty } from "../../domain/merge-patch.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import { isTypeOn, type Preferences } from "../../domain/policy/preferences.ts";
import { showType } from "../../domain/policy/public-texts.ts";
import { suppressionKey } from "../../domain/suppression.ts";
import type { Unsubscription } from "../../domain/unsubscribing.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { executeOn } from "../../ledger/sql.ts";
import { readSuppressions } from "../../ledger/suppressions.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import {
  endUnsubscription,
  readSubscriber,
  recordSubscription,
  type Subscriber,
  writePreferences,
} from "../../ledger/unsubscribing.ts";
import { releaseFor } from "../deliveries/release.ts";
import type { ApiEnv } from "../http/context.ts";
import type { ApiDeps } from "../http/router.ts";
import { createUseLimit } from "../http/use-limit.ts";
import { changeNamedTopic, readNamedTopic } from "./topic.ts";
import { trimPreferenceVersions } from "../recipients/preference-versions.ts";
import { importSuppressions } from "../suppressions/store.ts";

/** `listed`: unsubscribe from what the link names. `all`: from all email that can be switched off. `undo`: receive what the link names again. */
export const choices = ["listed", "all", "undo"] as const;
type Choice = (typeof choices)[number];

/** What a recipient who followed a link to unsubscribe receives at the moment. */
export interface Subscription {
  /** The recipient's locale; null where nothing is known of them any more. */
  locale: string | null;
  /** The name of the topic or the notification type that the link names; null for all email. */
  typeName: string | null;
  /** Whether the type can no longer be switched off, or no longer exists. */
  isFixed: boolean;
  /** Whether what the link names still comes by email. */
  isOn: boolean;
  /** Whether no email comes that can be switched off: the address is suppressed, or there is none. */
  isAllOff: boolean;
  /** Whether there is an address to which a link to the preferences can be sent. */
  isReachable: boolean;
}

/** Of a recipient who was erased, or never existed here: nothing comes. */
const nobody: Subscription = {
  locale: null,
  typeName: null,
  isFixed: false,
  isOn: false,
  isAllOff: true,
  isReachable: false,
};

/** Who chooses from what, and by which message; null in the preference centre. */
type Choosing = Omit<Unsubscription, "message"> & { message: Unsubscription["message"] | null };

/** How often the links of one recipient can be looked at in a minute, and one link can change something: more often than a person would. */
const maxLooks = 120;
const maxChanges = 30;

/** Reads and changes subscriptions by links. A choice that is repeated changes nothing more. Each change is recorded as an event. */
export function createUnsubscribing(
  services: Pick<ApiDeps, "publicPool" | "wakes" | "config" | "clock">,
) {
  const { publicPool, clock } = services;
  const readRulebook = createRulebookReader(publicPool);
  const limitUses = createUseLimit();

  const findType = async (id: string | null) =>
    id === null ? null : ((await readRulebook()).types.get(id) ?? null);

  async function read({
    recipientId,
    typeId,
    topicId,
  }: Omit<Choosing, "message">): Promise<Subscription> {
    limitUses([{ key: recipientId, max: maxLooks }]);
    const type = await findType(typeId);
    const subscriber = await readSubscriber(executeOn(publicPool), recipientId, { lock: false });
    if (subscriber === null || subscriber.isErased) return nobody;
    return topicId === null
      ? describeSubscription(publicPool, subscriber, typeId, type)
      : describeTopic(publicPool, subscriber, topicId);
  }

  async function change(
    c: Context<ApiEnv>,
    { recipientId, typeId, topicId, message }: Choosing,
    choice: Choice,
  ): Promise<Subscription> {
    limitUses([{ key: `${recipientId} ${topicId ?? typeId}`, max: maxChanges }]);
    const type = await findType(typeId);
    const { subscription, wake } = await inTransaction(publicPool, async (client) => {
      const execute = executeOn(client);
      const subscriber = await readSubscriber(execute, recipientId, { lock: true });
      if (subscriber === null || subscriber.isErased) return { subscription: nobody };
      const isWanted = choice === "undo";
      const record = (key: string | null) =>
        recordSubscription(execute, {
          kind: isWanted ? "recipient.resubscribed" : "recipient.unsubscribed",
          deliveryId: message !== null && "delivery" in message ? message.delivery : null,
          recipientId,
          type: key,
        });
      const isAll = choice === "all" || (typeId === null && topicId === null);
      // Who wants a type again, while all email is off, wants its messages.
      if (isAll || isWanted) {
        const { email } = subscriber;
        const isChanged =
          email !== null &&
          (await (isWanted ? endUnsubscription(execute, email) : suppress(client, email)));
        if (isChanged) await record(null);
      }
      if (!isAll && type && !type.mandatory && isOnByEmail(subscriber, type) !== isWanted) {
        subscriber.preferences = switchEmail(subscriber.preferences, type, isWanted);
        const preferencesVersion = await writePreferences(execute, subscriber);
        await trimPreferenceVersions(execute, [{ id: recipientId, preferencesVersion }]);
        await record(type.key);
      }
      const named =
        isAll || topicId === null ? null : await readNamedTopic(execute, subscriber, topicId);
      if (named) {
        const changed = { recipientId, message, isWanted, now: clock() };
        await changeNamedTopic(execute, named.topic, changed);
      }
      return {
        subscription:
          topicId === null
            ? await describeSubscription(client, subscriber, typeId, type)
            : await describeTopic(client, subscriber, topicId),
        wake: await releaseFor(c, services, execute, [recipientId]),
      };
    });
    wake?.();
    return subscription;
  }

  /** Suppresses an address for all email that can be switched off. Resolves with whether it was not suppressed for good before. */
  async function suppress(client: PoolClient, email: string): Promise<boolean> {
    const address = suppressionKey("email", email)!;
    const suppression = { channel: "email", address, reason: "unsubscribed", note: null } as const;
    const by = { createdBy: "recipient", now: clock() };
    return (await importSuppressions(client, [suppression], by)) > 0;
  }

  return { read, change };
}

async function describeSubscription(
  client: Pick<PoolClient, "query">,
  subscriber: Subscriber,
  typeId: string | null,
  type: NotificationType | null,
): Promise<Subscription> {
  const { locale, email } = subscriber;
  const pair = { channel: "email", address: email } as const;
  const isAllOff = email === null || (await readSuppressions(client, [pair]))(pair) !== null;
  const shared = {
    locale,
    typeName: type && showType(type, locale).name,
    isAllOff,
    isReachable: email !== null,
  };
  if (typeId === null) return { ...shared, isFixed: false, isOn: !isAllOff };
  // Nothing comes of a type that no longer exists.
  if (type === null) return { ...shared, isFixed: true, isOn: false };
  if (type.mandatory) return { ...shared, isFixed: true, isOn: true };
  return { ...shared, isFixed: false, isOn: !isAllOff && isOnByEmail(subscriber, type) };
}

async function describeTopic(
  client: Pick<PoolClient, "query">,
  subscriber: Subscriber,
  topicId: string,
): Promise<Subscription> {
  const shared = await describeSubscription(client, subscriber, null, null);
  const named = await readNamedTopic(executeOn(client), subscriber, topicId);
  if (named === null) return { ...shared, isFixed: true, isOn: false };
  const { name: typeName, isSubscribed } = named;
  return { ...shared, typeName, isOn: !shared.isAllOff && isSubscribed };
}

function isOnByEmail(
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
