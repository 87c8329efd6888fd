import type { PoolClient } from "pg";
import { addressKey } from "../../domain/address.ts";
import { newUuid } from "../../domain/ids.ts";
import { mergeRecipient } from "../../domain/recipient-change.ts";
import type { ConsentWay } from "../../domain/consent.ts";
import { signUpPrefix } from "../../domain/sign-up-tokens.ts";
import { executeOn } from "../../ledger/sql.ts";
import { readSuppressions } from "../../ledger/suppressions.ts";
import { lockAddress } from "../../ledger/topic-subscriptions.ts";
import type { KnownTopic } from "../../ledger/topics.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { readSubscriber } from "../../ledger/unsubscribing.ts";
import { readRecipients } from "../recipients/store.ts";
import { storeRecipients } from "../recipients/upsert.ts";
import type { Services } from "../services.ts";
import { sendConfirmation } from "../topics/confirmation.ts";
import { sendOrWithdraw, subscribe } from "../../ledger/subscribing.ts";

export interface SignUp {
  email: string;
  name: string | undefined;
  locale: string;
  topics: readonly KnownTopic[];
  way: Extract<ConsentWay, "form" | "api">;
  source: string | null;
  /** The version of Tidings' own texts that were shown; null if another form was. */
  textVersion: string | null;
  requestId: string;
}

/**
 * Signs an address up for topics: the recipient with that address, or a new one, is sent an email that asks for confirmation. It resolves alike
 * whatever is known of the address, and does nothing if the address is suppressed, already subscribed, or was asked too often.
 */
export async function signUp(
  services: Services,
  { email, name, locale, topics, requestId, ...evidence }: SignUp,
): Promise<void> {
  const { publicPool, clock } = services;
  const now = clock();
  const asked = await inTransaction(publicPool, async (client) => {
    const execute = executeOn(client);
    await lockAddress(execute, addressKey(email)!);
    const pair = { channel: "email", address: email } as const;
    const suppression = (await readSuppressions(client, [pair]))(pair);
    // Anybody who only unsubscribed may change their mind, which the confirmation shows.
    if (suppression !== null && suppression.reason !== "unsubscribed") return null;
    const id =
      (await findByAddress(client, email)) ??
      (await createRecipient(client, { email, name, locale }, now));
    const recipient = await readSubscriber(execute, id, { lock: true });
    if (recipient === null || recipient.isErased) return null;
    const { requested } = await subscribe(execute, {
      recipientId: id,
      topics: topics.map((topic) => ({ id: topic.id, isConfirmed: false })),
      consent: { ...evidence, actor: null, locale },
      now,
    });
    return requested.length === 0 ? null : { recipient, requested };
  });
  if (asked === null) return;
  const { recipient, requested } = asked;
  const ids = requested.map(({ topicId }) => topicId);
  await sendOrWithdraw(executeOn(publicPool), requested, () =>
    sendConfirmation(services, {
      recipient: { ...recipient, email: recipient.email! },
      topics: topics.filter(({ id }) => ids.includes(id)),
      requestId,
      now,
    }),
  );
}

/** Finds the recipient with an address, in any of its spellings: the first of them, if several have it. */
async function findByAddress(client: PoolClient, email: string): Promise<string | null> {
  const position = { field: "createdAt", kind: "creation", after: null } as const;
  const [found] = await readRecipients(
    client,
    { email },
    { ...position, direction: "asc", take: 1 },
  );
  return found?.id ?? null;
}

/** Creates the recipient of an address. The name is an attribute; what is known of others is never changed by strangers. */
async function createRecipient(
  client: PoolClient,
  { email, name, locale }: Pick<SignUp, "email" | "name" | "locale">,
  now: Date,
): Promise<string> {
  const change = mergeRecipient({
    externalId: `${signUpPrefix}${newUuid(now)}`,
    email,
    locale,
    ...(name !== undefined && { attributes: { name } }),
  });
  const { results } = await storeRecipients(executeOn(client), [change], {
    createdBy: "recipient",
    now,
  });
  const [stored] = results;
  if (stored?.status !== "created") throw new Error("a recipient who signs up was not created");
  return stored.after.id;
}
