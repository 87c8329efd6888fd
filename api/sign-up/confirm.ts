import type { Context } from "hono";
import { newUuid } from "../../domain/ids.ts";
import { type Confirmation, fingerprintAddress } from "../../domain/sign-up-tokens.ts";
import { consentTextVersion, planConfirming } from "../../domain/consent.ts";
import { publicNameOf } from "../../domain/topics.ts";
import { executeOn } from "../../ledger/sql.ts";
import { changeSubscriptions, readSubscriptions } from "../../ledger/topic-subscriptions.ts";
import { type KnownTopic, readTopicsById } from "../../ledger/topics.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import {
  endUnsubscription,
  readSubscriber,
  recordSubscription,
  type Subscriber,
} from "../../ledger/unsubscribing.ts";
import { releaseFor } from "../deliveries/release.ts";
import type { ApiEnv } from "../http/context.ts";
import { createUseLimit } from "../http/use-limit.ts";
import type { Services } from "../services.ts";
import { signUpWordsFor } from "./words.ts";

/** What a link to confirm says now. */
export interface Confirming {
  /** The recipient's locale; null where nothing is known of them any more. */
  locale: string | null;
  /** `open`: the link confirms. `done`: all of it is confirmed. `void`: the link does nothing, or no longer. */
  state: "open" | "done" | "void";
  /** The names of the topics, for the recipient. */
  names: string[];
}

const nothing: Confirming = { locale: null, state: "void", names: [] };

/** How often the links of one recipient can be used in a minute: more often than a person would. */
const maxUses = 60;

type Verified = Confirmation & { isExpired: boolean };

/** Reads what links to confirm say, and confirms. A link that is used again changes nothing more. */
export function createConfirming(services: Services) {
  const { publicPool, clock } = services;
  const limitUses = createUseLimit();

  /** Whether a link can confirm anything of this subscriber: it is not too old, and was sent to their present address. */
  const isFor = (link: Verified, subscriber: Subscriber | null): subscriber is Subscriber =>
    subscriber !== null &&
    !subscriber.isErased &&
    !link.isExpired &&
    subscriber.email !== null &&
    fingerprintAddress(subscriber.email) === link.addressHash;

  const describe = (
    subscriber: Subscriber,
    topics: readonly KnownTopic[],
    state: Confirming["state"],
  ): Confirming => ({
    locale: subscriber.locale,
    state,
    names: topics.map((topic) => publicNameOf(topic, subscriber.locale)),
  });

  async function read(link: Verified): Promise<Confirming> {
    const { recipientId, topicIds, madeAt } = link;
    limitUses([{ key: recipientId, max: maxUses }]);
    const execute = executeOn(publicPool);
    const subscriber = await readSubscriber(execute, recipientId, { lock: false });
    if (!isFor(link, subscriber)) return nothing;
    const subscriptionOf = await readSubscriptions(execute, [recipientId], topicIds);
    const topics = await readTopicsById(execute, topicIds);
    const having = (plan: string) =>
      topics.filter(({ id }) => planConfirming(subscriptionOf(recipientId, id), madeAt) === plan);
    const open = having("confirm");
    if (open.length > 0) return describe(subscriber, open, "open");
    const done = having("done");
    return describe(subscriber, done, done.length > 0 ? "done" : "void");
  }

  async function confirm(c: Context<ApiEnv>, link: Verified): Promise<Confirming> {
    const { recipientId, topicIds, madeAt } = link;
    limitUses([{ key: recipientId, max: maxUses }]);
    const now = clock();
    const { answer, wake } = await inTransaction(publicPool, async (client) => {
      const execute = executeOn(client);
      const subscriber = await readSubscriber(execute, recipientId, { lock: true });
      if (!isFor(link, subscriber)) return { answer: nothing };
      const subscriptionOf = await readSubscriptions(execute, [recipientId], topicIds);
      const topics = await readTopicsById(execute, topicIds);
      const planOf = ({ id }: KnownTopic) =>
        planConfirming(subscriptionOf(recipientId, id), madeAt);
      const valid = topics.filter((topic) => planOf(topic) !== "void");
      const confirmed = topics.filter((topic) => planOf(topic) === "confirm");
      const answer = describe(subscriber, valid, valid.length > 0 ? "done" : "void");
      if (confirmed.length === 0) return { answer };
      await changeSubscriptions(
        execute,
        confirmed.map(({ id }) => ({
          id: newUuid(now),
          entryId: newUuid(now),
          topicId: id,
          recipientId,
          status: "subscribed" as const,
          step: "confirmed" as const,
          way: "recipient" as const,
          actor: null,
          source: null,
          locale: signUpWordsFor(subscriber.locale).lang,
          textVersion: consentTextVersion,
        })),
        now,
      );
      const event = { deliveryId: null, recipientId, type: null };
      for (const { key } of confirmed)
        await recordSubscription(execute, { ...event, kind: "topic.subscribed", topic: key });
      // A suppression by a bounce or a complaint stays.
      if (await endUnsubscription(execute, subscriber.email!))
        await recordSubscription(execute, { ...event, kind: "recipient.resubscribed" });
      return { answer, wake: await releaseFor(c, services, execute, [recipientId]) };
    });
    wake?.();
    return answer;
  }

  return { read, confirm };
}
