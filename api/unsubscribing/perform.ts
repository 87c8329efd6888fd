import type { Context } from "hono";
import type { PoolClient } from "pg";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import { showType } from "../../domain/policy/public-texts.ts";
import {
  type Choosing,
  changeSubscription,
  isOnByEmail,
  type SubscriptionChoice,
} from "../../ledger/change-subscription.ts";
import { readNamedTopic } from "../../ledger/named-topic.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { executeOn } from "../../ledger/sql.ts";
import { readSuppressions } from "../../ledger/suppressions.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { readSubscriber, readUndoable, type Subscriber } from "../../ledger/unsubscribing.ts";
import { wakeFor } from "../deliveries/changes.ts";
import type { ApiEnv } from "../http/context.ts";
import type { ApiDeps } from "../http/router.ts";
import { createUseLimit } from "../http/use-limit.ts";

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
  /** Whether the unsubscription is so new that the link can undo it. */
  canUndo: boolean;
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
  canUndo: false,
  isReachable: false,
};

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
      ? describeSubscription(publicPool, subscriber, { typeId, type })
      : describeTopic(publicPool, subscriber, topicId);
  }

  async function change(
    c: Context<ApiEnv>,
    { recipientId, typeId, topicId, message }: Choosing,
    choice: SubscriptionChoice,
  ): Promise<Subscription> {
    limitUses([{ key: `${recipientId} ${topicId ?? typeId}`, max: maxChanges }]);
    const type = await findType(typeId);
    const { subscription, released } = await inTransaction(publicPool, async (client) => {
      const choosing = { recipientId, typeId, topicId, message };
      const settings = { mailboxShards: services.config.mailboxShards, now: clock() };
      const changed = await changeSubscription(executeOn(client), choosing, type, choice, settings);
      if (changed === null) return { subscription: nobody, released: [] };
      const { subscriber, released } = changed;
      return {
        subscription:
          topicId === null
            ? await describeSubscription(client, subscriber, { typeId, type })
            : await describeTopic(client, subscriber, topicId),
        released,
      };
    });
    wakeFor(released, services.wakes, c.get("requestId"));
    return subscription;
  }

  return { read, change };
}

async function describeSubscription(
  client: Pick<PoolClient, "query">,
  subscriber: Subscriber,
  { typeId, type }: { typeId: string | null; type: NotificationType | null },
): Promise<Subscription> {
  const shared = {
    ...(await describePerson(client, subscriber)),
    typeName: type && showType(type, subscriber.locale).name,
  };
  const { isAllOff } = shared;
  // Nothing comes of a type that no longer exists.
  if (typeId !== null && type === null)
    return { ...shared, isFixed: true, isOn: false, canUndo: false };
  if (type?.mandatory) return { ...shared, isFixed: true, isOn: true, canUndo: false };
  const isOn = !isAllOff && (type === null || isOnByEmail(subscriber, type));
  const left = { type: isAllOff || type === null ? null : type.key, topic: null };
  const canUndo = !isOn && (await readUndoable(executeOn(client), subscriber.id))(left);
  return { ...shared, isFixed: false, isOn, canUndo };
}

async function describeTopic(
  client: Pick<PoolClient, "query">,
  subscriber: Subscriber,
  topicId: string,
): Promise<Subscription> {
  const execute = executeOn(client);
  const shared = await describePerson(client, subscriber);
  const { isAllOff } = shared;
  const named = await readNamedTopic(execute, subscriber, topicId);
  if (named === null)
    return { ...shared, typeName: null, isFixed: true, isOn: false, canUndo: false };
  const { topic, name: typeName, isSubscribed, canReturn } = named;
  const isOn = !isAllOff && isSubscribed;
  const left = { type: null, topic: isAllOff ? null : topic.key };
  const canUndo =
    !isOn && (isAllOff || canReturn) && (await readUndoable(execute, subscriber.id))(left);
  return { ...shared, typeName, isFixed: false, isOn, canUndo };
}

async function describePerson(
  client: Pick<PoolClient, "query">,
  { locale, email }: Subscriber,
): Promise<Pick<Subscription, "locale" | "isAllOff" | "isReachable">> {
  const pair = { channel: "email", address: email } as const;
  const isAllOff = email === null || (await readSuppressions(client, [pair]))(pair) !== null;
  return { locale, isAllOff, isReachable: email !== null };
}
