import type { RecipientAction } from "./action.ts";
import { createBrowserTokens } from "./browser-links.ts";
import { createPreferenceTokens, madeUntrusted } from "./preference-links.ts";
import { dayMs } from "./time/durations.ts";
import { type ActionTarget, createTokens } from "./tokens.ts";
import { createReturnAddresses } from "./return-addresses.ts";
import { createUnsubscribeTokens, type Unsubscription } from "./unsubscribing.ts";

interface Signing {
  /** The epoch of the recipient's links (domain/tokens.ts). */
  epoch: number;
  now: Date;
}

/** Creates the links in messages by which recipients act. A link contains nothing about the person; it is valid for 30 days, unless it says otherwise. */
export interface ActionLinks {
  forDelivery(deliveryId: string, action: RecipientAction, signing: Signing): Promise<string>;
  /** Creates a link that acts on all members of a group at once. */
  forGroup(groupId: string, action: RecipientAction, signing: Signing): Promise<string>;
  /** Creates the address at which a device reports that it has shown the notification, or that the notification was clicked or closed. */
  forReceipt(target: ActionTarget, signing: Signing): Promise<string>;
  /** Creates the links by which a recipient unsubscribes. They never expire. */
  forUnsubscribing(unsubscription: Unsubscription): UnsubscribeLinks;
  /** Creates the link to a recipient's preference centre. It is valid for 90 days. `mayErase`: within a day it also allows to download and to erase everything. */
  forPreferences(recipientId: string, signing: Signing & { mayErase: boolean }): string;
  /** Creates the address at which a browser shows an email. It does not expire. */
  forBrowser(deliveryId: string, signing: Pick<Signing, "epoch">): string;
}

/** The ways of one recipient to unsubscribe. */
interface UnsubscribeLinks {
  url: string;
  /**
   * The address by which a mail program unsubscribes its reader; null where no mail is received. It names the message, and the subject contains the
   * token of the link too, which still works when the message is no longer stored.
   */
  mailto: string | null;
}

const lifetimeMs = 30 * dayMs;

/**
 * @param secrets the secrets for `createTokens`
 * @param publicUrl the URL at which recipients reach the API, without a trailing slash
 * @param bounceDomain the domain whose mail we receive; left out where there is none
 */
export function createActionLinks({
  secrets,
  publicUrl,
  bounceDomain,
}: {
  secrets: readonly string[];
  publicUrl: string;
  bounceDomain?: string | undefined;
}): ActionLinks {
  const tokens = createTokens(secrets);
  const unsubscribeTokens = createUnsubscribeTokens(secrets);
  const preferenceTokens = createPreferenceTokens(secrets);
  const browserTokens = createBrowserTokens(secrets);
  const addresses =
    bounceDomain === undefined ? null : createReturnAddresses(secrets, bounceDomain);
  const expiryOf = (now: Date) => new Date(now.getTime() + lifetimeMs);
  const sign = async (target: ActionTarget, action: RecipientAction, { epoch, now }: Signing) => {
    const expiresAt = expiryOf(now);
    return `${publicUrl}/a/${await tokens.signActionToken({ target, action, epoch, expiresAt })}`;
  };
  return {
    forDelivery: (delivery, action, signing) => sign({ delivery }, action, signing),
    forGroup: (group, action, signing) => sign({ group }, action, signing),
    async forReceipt(target, { epoch, now }) {
      const token = await tokens.signReceiptToken({ target, epoch, expiresAt: expiryOf(now) });
      return `${publicUrl}/r/${token}`;
    },
    forUnsubscribing(unsubscription) {
      const token = unsubscribeTokens.sign(unsubscription);
      return {
        url: `${publicUrl}/u/${token}`,
        mailto:
          addresses &&
          `mailto:${addresses.of("unsubscribe", unsubscription.message)}?subject=unsubscribe%20${token}`,
      };
    },
    forPreferences(recipientId, { epoch, now, mayErase }) {
      const madeAt = mayErase ? now : madeUntrusted(now);
      return `${publicUrl}/p/${preferenceTokens.sign({ recipientId, epoch, madeAt })}`;
    },
    forBrowser: (deliveryId, { epoch }) =>
      `${publicUrl}/m/${browserTokens.sign({ deliveryId, epoch })}`,
  };
}
