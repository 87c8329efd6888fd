import type { Context } from "hono";
import { mergePatch, withoutEmpty } from "../../domain/merge-patch.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import { isTypeOn, type Preferences } from "../../domain/policy/preferences.ts";
import type { Unsubscription } from "../../domain/unsubscribing.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import {
  readSubscriber,
  recordSubscription,
  type Subscriber,
  suppressEmail,
  writePreferences,
} from "../../ledger/unsubscribing.ts";
import { releaseFor } from "../deliveries/release.ts";
import type { ApiEnv } from "../http/context.ts";
import type { ApiDeps } from "../http/router.ts";
import { createUseLimit } from "../http/use-limit.ts";
import { trimPreferenceVersions } from "../recipients/preference-versions.ts";

/** `listed`: unsubscribe from what the link names. `all`: from all email that can be switched off. `undo`: receive what the link names again. */
export const choices = ["listed", "all", "undo"] as const;
type Choice = (typeof choices)[number];

/** What a recipient who followed a link to unsubscribe receives at the moment. */
export interface Subscription {
  /** The recipient's locale; null where nothing is known of them any more. */
  locale: string | null;
  /** The name of the notification type that the link names; null for all email. */
  typeName: string | null;
  /** Whether the type can no longer be switched off, or no longer exists. */
  isFixed: boolean;
  /** Whether what the link names still comes by email. */
  isOn: boolean;
  /** Whether all email that can be switched off is suppressed. */
  isAllOff: boolean;
}

/** Of a recipient who was erased, or never existed here: nothing comes. */
const nobody: Subscription = {
  locale: null,
  typeName: null,
  isFixed: false,
  isOn: false,
  isAllOff: true,
};

/** How often one link can be used in a minute: more often than a person would. */
const maxUses = 30;

/** Reads and changes subscriptions by links. A choice that is repeated changes nothing more. Each change is recorded as an event. */
export function createUnsubscribing(services: Pick<ApiDeps, "publicPool" | "wakes" | "config">) {
  const { publicPool } = services;
  const readRulebook = createRulebookReader(publicPool);
  const limitUses = createUseLimit();

  async function read(unsubscription: Unsubscription): Promise<Subscription> {
    limitUses([{ key: unsubscription.recipientId, max: 4 * maxUses }]);
    const { recipientId, typeId } = unsubscription;
    const { types } = await readRulebook();
    const subscriber = await readSubscriber(executeOn(publicPool), recipientId, { lock: false });
    if (subscriber === null || subscriber.isErased) return nobody;
    return describe(subscriber, typeId, typeOf(types, typeId));
  }

  async function change(
    c: Context<ApiEnv>,
    { recipientId, typeId, message }: Unsubscription,
    choice: Choice,
  ): Promise<Subscription> {
    limitUses([{ key: `${recipientId} ${typeId}`, max: maxUses }]);
    const { types } = await readRulebook();
    const type = typeOf(types, typeId);
    const { subscription, wake } = await inTransaction(publicPool, async (client) => {
      const execute = executeOn(client);
      const subscriber = await readSubscriber(execute, recipientId, { lock: true });
      if (subscriber === null || subscriber.isErased) return { subscription: nobody };
      const before = describe(subscriber, typeId, type);
      const isAll = choice === "all" || typeId === null;
      const wanted = choice === "undo";
      const record = (ofAll: boolean) =>
        recordSubscription(execute, {
          kind: wanted ? "recipient.resubscribed" : "recipient.unsubscribed",
          deliveryId: "delivery" in message ? message.delivery : null,
          recipientId,
          type: ofAll ? null : type!.key,
        });
      let { preferences, isSuppressed } = subscriber;
      // Who wants a type again, of which all email was switched off since, wants its messages.
      if ((isAll || wanted) && isSuppressed === wanted) {
        await suppressEmail(execute, subscriber, !wanted);
        isSuppressed = !wanted;
        await record(true);
      }
      if (!isAll && type && !before.isFixed && isOnByEmail(preferences, type) !== wanted) {
        preferences = switchEmail(preferences, type, wanted);
        const version = await writePreferences(execute, subscriber, preferences);
        await trimPreferenceVersions(execute, [{ id: recipientId, preferencesVersion: version }]);
        await record(false);
      }
      return {
        subscription: describe({ ...subscriber, preferences, isSuppressed }, typeId, type),
        wake: await releaseFor(c, services, execute, [recipientId]),
      };
    });
    wake?.();
    return subscription;
  }

  return { read, change };
}

const typeOf = (types: ReadonlyMap<string, NotificationType>, id: string | null) =>
  id === null ? null : (types.get(id) ?? null);

function describe(
  { locale, preferences, isSuppressed }: Subscriber,
  typeId: string | null,
  type: NotificationType | null,
): Subscription {
  const shared = { locale, typeName: type?.name ?? null, isAllOff: isSuppressed };
  if (typeId === null) return { ...shared, isFixed: false, isOn: !isSuppressed };
  // Nothing comes of a type that no longer exists.
  if (type === null) return { ...shared, isFixed: true, isOn: false };
  if (type.mandatory) return { ...shared, isFixed: true, isOn: true };
  return { ...shared, isFixed: false, isOn: !isSuppressed && isOnByEmail(preferences, type) };
}

function isOnByEmail(preferences: Preferences | null, { key }: NotificationType): boolean {
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
