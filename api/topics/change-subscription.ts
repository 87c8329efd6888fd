import type { Context } from "hono";
import { publicId } from "../../domain/ids.ts";
import type { SubscriptionStatus } from "../../domain/consent.ts";
import { executeOn } from "../../ledger/sql.ts";
import { readSubscriptions } from "../../ledger/topic-subscriptions.ts";
import type { KnownTopic } from "../../ledger/topics.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { readSubscriber } from "../../ledger/unsubscribing.ts";
import { releaseFor } from "../deliveries/release.ts";
import { recordChangesOver } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { notFound, Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { sendConfirmation } from "./confirmation.ts";
import { type Consent, sendOrWithdraw, subscribe, unsubscribe } from "../../ledger/subscribing.ts";

interface Change {
  recipientId: string;
  topic: KnownTopic;
  consent: Consent;
  /**
   * Whether the request proves that the recipient wants it, because it comes by a link that was sent to them, so that no confirmation is asked for.
   * Otherwise the topic says whether one is.
   */
  isProven?: boolean;
}

/**
 * Subscribes a recipient to a topic, or ends the subscription, for a request of a caller or of the recipient. Resolves with the status. What waits for
 * them is decided again. Throws the problem if the recipient does not exist, or was asked for confirmation too often.
 */
export async function changeSubscription(
  c: Context<ApiEnv>,
  services: Services,
  wanted: "subscribed" | "unsubscribed",
  { recipientId, topic, consent, isProven = false }: Change,
): Promise<SubscriptionStatus | null> {
  const { pool, clock } = services;
  const now = clock();
  const { status, requested, recipient, wake } = await inTransaction(pool, async (client) => {
    const execute = executeOn(client);
    const locked = await readSubscriber(execute, recipientId, { lock: true });
    if (locked === null) throw notFound("recipient");
    if (locked.isErased) throw new Problem("gone", "This recipient was erased.");
    const shared = { recipientId, consent, now };
    const isConfirmed = isProven || topic.optIn === "single";
    const done =
      wanted === "subscribed"
        ? await subscribe(execute, { ...shared, topics: [{ id: topic.id, isConfirmed }] })
        : null;
    const hasEnded =
      wanted === "unsubscribed" && (await unsubscribe(execute, { ...shared, topicId: topic.id }));
    if (done && done.requested.length > 0 && locked.email === null)
      throw new Problem(
        "conflict",
        "The recipient has no email address to which the message that asks for confirmation could be sent.",
      );
    const after = (await readSubscriptions(execute, [recipientId], [topic.id]))(
      recipientId,
      topic.id,
    );
    if (done && done.refused.length > 0)
      throw new Problem(
        "too-many-requests",
        "The recipient was asked for confirmation already: once an hour for each topic, and five times a day at most.",
        { headers: { "Retry-After": "3600" } },
      );
    const isChanged =
      hasEnded || (done !== null && done.subscribed.length + done.requested.length > 0);
    if (isChanged)
      await recordChangesOver(
        c,
        client,
        [
          {
            action: wanted === "subscribed" ? "topic.subscribe" : "topic.unsubscribe",
            resource: publicId("recipient", recipientId),
            after: { topic: topic.key, status: after!.status },
          },
        ],
        now,
      );
    return {
      status: after?.status ?? null,
      requested: done?.requested ?? [],
      recipient: locked,
      wake: await releaseFor(c, services, execute, [recipientId]),
    };
  });
  wake();
  if (requested.length > 0)
    await sendOrWithdraw(executeOn(pool), requested, () =>
      sendConfirmation(services, {
        recipient: { ...recipient, email: recipient.email! },
        topics: [topic],
        requestId: c.get("requestId"),
        now,
      }),
    );
  return status;
}
