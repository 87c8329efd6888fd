import { newUuid } from "../domain/ids.ts";
import { type ConsentWay, planSubscribing, type SubscriptionStatus } from "../domain/consent.ts";
import type { Execute } from "./sql.ts";
import {
  changeSubscriptions,
  listRequestable,
  readSubscriptions,
  withdrawRequests,
} from "./topic-subscriptions.ts";

/** Where consent comes from, for its evidence. */
export interface Consent {
  way: ConsentWay;
  /** The public id of the key or the operator; null for the recipient. */
  actor: string | null;
  source: string | null;
  /** The language of the texts that were shown, and their version; null where none of Tidings' texts were. */
  locale: string | null;
  textVersion: string | null;
}

interface Subscribing {
  /** The recipient, who is locked. */
  recipientId: string;
  topics: readonly { id: string; isConfirmed: boolean }[];
  consent: Consent;
  now: Date;
}

/** What a request to subscribe came to, by the ids of topics. */
export interface Subscribed {
  /** Those that are subscribed since this request. */
  subscribed: string[];
  /** Those for which a confirmation has to be sent, with their entries of consent. */
  requested: { topicId: string; entryId: string }[];
  /** Those that need a confirmation, for which too many were sent already. */
  refused: string[];
}

/** Subscribes a locked recipient to topics, or marks that a confirmation is asked for: those are to be sent after the commit. */
export async function subscribe(
  execute: Execute,
  { recipientId, topics, consent, now }: Subscribing,
): Promise<Subscribed> {
  const ids = topics.map(({ id }) => id);
  const subscriptionOf = await readSubscriptions(execute, [recipientId], ids);
  const planned = topics.map(({ id, isConfirmed }) => ({
    id,
    plan: planSubscribing(subscriptionOf(recipientId, id), { isConfirmed, way: consent.way }),
  }));
  const having = (plan: string) =>
    planned.flatMap((topic) => (topic.plan === plan ? topic.id : []));
  const wanted = having("request");
  const requestable =
    wanted.length === 0
      ? []
      : await listRequestable(execute, { recipientId, topicIds: wanted }, now);
  const changeOf = (topicId: string, status: SubscriptionStatus) => ({
    id: newUuid(now),
    entryId: newUuid(now),
    topicId,
    recipientId,
    status,
    step: status === "pending" ? ("requested" as const) : ("subscribed" as const),
    ...consent,
  });
  const subscribed = having("subscribe");
  const requests = requestable.map((topicId) => changeOf(topicId, "pending"));
  await changeSubscriptions(
    execute,
    [...subscribed.map((topicId) => changeOf(topicId, "subscribed")), ...requests],
    now,
  );
  return {
    subscribed,
    requested: requests.map(({ topicId, entryId }) => ({ topicId, entryId })),
    refused: wanted.filter((id) => !requestable.includes(id)),
  };
}

/** Ends the subscription of a locked recipient to a topic. Resolves with whether there was one, or a request for one. */
export async function unsubscribe(
  execute: Execute,
  { recipientId, topicId, consent, now }: Omit<Subscribing, "topics"> & { topicId: string },
): Promise<boolean> {
  const current = (await readSubscriptions(execute, [recipientId], [topicId]))(
    recipientId,
    topicId,
  );
  if (current === null || current.status === "unsubscribed") return false;
  const change = {
    id: newUuid(now),
    entryId: newUuid(now),
    topicId,
    recipientId,
    status: "unsubscribed" as const,
    step: "unsubscribed" as const,
    ...consent,
  };
  await changeSubscriptions(execute, [change], now);
  return true;
}

/** Sends the message that asks for confirmation, and takes the requests back if that fails, so that they can be repeated at once. */
export async function sendOrWithdraw(
  execute: Execute,
  requested: Subscribed["requested"],
  send: () => Promise<void>,
): Promise<void> {
  try {
    await send();
  } catch (error) {
    await withdrawRequests(
      execute,
      requested.map(({ entryId }) => entryId),
    );
    throw error;
  }
}
