import type { Context } from "hono";
import { newUuid, publicId } from "../../domain/ids.ts";
import {
  hashEndpoint,
  type PushSubscription,
  webPushKind,
  writeSubscription,
} from "../../domain/push-subscription.ts";
import { SealedValueError } from "../../domain/sealer.ts";
import {
  type AddressRow,
  findAddressId,
  type Registration,
  registerAddress,
  removeAddress,
} from "../../ledger/addresses.ts";
import { executeIn, executeOn } from "../../ledger/sql.ts";
import type { Change } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { invalid, notFound, Problem } from "../http/problem.ts";
import { readRecipient, type RecipientName } from "../recipients/store.ts";
import type { Services } from "../services.ts";
import { examineEndpoint } from "./endpoint.ts";

/** A registration is repeated if another one of the same endpoint comes in between. */
const attempts = 5;
const endingLength = 4;

/** Throws the problem of a subscription that must not be used. */
function checkSubscription({ config, clock }: Services, given: PushSubscription): string {
  const refuse = (field: string, message: string) =>
    invalid([{ in: "body", field: `/subscription/${field}`, message }]);
  const examined = examineEndpoint(given.endpoint, config.endpoints);
  if ("fault" in examined) throw refuse("endpoint", examined.fault);
  if (typeof given.expirationTime === "number" && given.expirationTime <= clock().getTime())
    throw refuse("expirationTime", "must be in the future: subscribe again");
  return examined.host;
}

/**
 * Registers the subscription of a browser as an address of a recipient. Idempotent. A subscription that another recipient had moves to this
 * one, because the person in front of the browser is now another. Changes are recorded in the audit trail; a mere repetition is none.
 */
export async function registerSubscription(
  c: Context<ApiEnv>,
  services: Services,
  named: RecipientName,
  { subscription, label }: { subscription: PushSubscription; label: string | null },
): Promise<{ created: boolean; address: AddressRow }> {
  const service = checkSubscription(services, subscription);
  const { pool, clock } = services;
  const { endpoint, expirationTime } = subscription;
  const hash = hashEndpoint(endpoint);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const id = (await findAddressId(executeOn(pool), hash)) ?? newUuid(clock());
    // It is sealed before the transaction begins, because sealing may need a connection of its own.
    const value = await seal(services, id, subscription);
    const registration = await withAuditedTransaction(c, services, async (tx) => {
      const { id: recipientId } = await readRecipient(tx, named);
      const registration = await registerAddress(executeIn(tx), {
        id,
        recipientId,
        channel: "push",
        kind: webPushKind,
        value,
        hash,
        service,
        ending: endpoint.slice(-endingLength),
        label,
        expiresAt: typeof expirationTime === "number" ? new Date(expirationTime) : null,
      });
      return { body: registration, changes: changesOf(registration) };
    });
    if (registration.kind === "no_recipient") throw notFound("recipient");
    if (registration.kind === "other_id") continue;
    const { kind, address } = registration;
    return { created: kind === "created" || kind === "moved", address };
  }
  throw new Problem(
    "unavailable",
    "The same subscription is being registered by other requests. Send the request again.",
    { headers: { "Retry-After": "1" } },
  );
}

/** Seals a subscription for the row of its address. Throws a problem if the keys for that are missing: it is never stored in clear. */
async function seal(
  { sealer, logger }: Services,
  id: string,
  subscription: PushSubscription,
): Promise<Uint8Array> {
  const place = { table: "addresses", column: "value", row: id };
  try {
    return await sealer.seal(writeSubscription(subscription), place);
  } catch (error) {
    if (!(error instanceof SealedValueError)) throw error;
    logger.warn({ error: error.message }, "an address could not be sealed");
    throw new Problem(
      "unavailable",
      "Devices cannot be registered, because this installation has no keys to encrypt their addresses with. The operator finds the reason in the log.",
    );
  }
}

/** Removes an address of a recipient. Resolves with whether the recipient had it. */
export function forgetAddress(
  c: Context<ApiEnv>,
  services: Services,
  named: RecipientName,
  which: { id: string } | { hash: Uint8Array },
): Promise<boolean> {
  return withAuditedTransaction(c, services, async (tx) => {
    const { id: recipientId } = await readRecipient(tx, named);
    const removed = await removeAddress(executeIn(tx), { recipientId, ...which });
    return {
      body: removed !== null,
      changes: removed ? [{ ...entryOf("address.remove", removed), before: factsOf(removed) }] : [],
    };
  });
}

/**
 * The entries of a registration in the audit trail. Their resource is the recipient, so that erasure finds them, and they have nothing by which a
 * device could be reached or that the recipient wrote.
 */
function changesOf(registration: Registration): Change[] {
  if (!("address" in registration) || registration.kind === "kept") return [];
  const { kind, address, dropped } = registration;
  const action = kind === "restored" ? "address.restore" : "address.register";
  return [
    {
      ...entryOf(action, address),
      after: {
        ...factsOf(address),
        ...(kind === "moved" && { moved: true }),
        ...(dropped.length > 0 && { replaced: dropped.map((id) => publicId("address", id)) }),
      },
    },
  ];
}

const entryOf = (action: string, { recipientId }: AddressRow) => ({
  action,
  resource: publicId("recipient", recipientId),
});

const factsOf = ({ id, channel, kind, service }: AddressRow) => ({
  address: publicId("address", id),
  channel,
  kind,
  service,
});
