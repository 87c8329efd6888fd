import type { RecipientAction } from "./action.ts";
import { dayMs } from "./time/local-time.ts";
import { type ActionTarget, createTokens } from "./tokens.ts";

interface Signing {
  /** The epoch of the recipient's links (domain/tokens.ts). */
  epoch: number;
  now: Date;
}

/** Creates the links in messages by which recipients act. A link is valid for 30 days and contains nothing about the person. */
export interface ActionLinks {
  forDelivery(deliveryId: string, action: RecipientAction, signing: Signing): Promise<string>;
  /** Creates a link that acts on all members of a group at once. */
  forGroup(groupId: string, action: RecipientAction, signing: Signing): Promise<string>;
}

const lifetimeMs = 30 * dayMs;

/**
 * @param secrets the secrets for `createTokens`
 * @param publicUrl the URL at which recipients reach the API, without a trailing slash
 */
export function createActionLinks({
  secrets,
  publicUrl,
}: {
  secrets: readonly string[];
  publicUrl: string;
}): ActionLinks {
  const tokens = createTokens(secrets);
  const sign = async (target: ActionTarget, action: RecipientAction, { epoch, now }: Signing) => {
    const expiresAt = new Date(now.getTime() + lifetimeMs);
    return `${publicUrl}/a/${await tokens.signActionToken({ target, action, epoch, expiresAt })}`;
  };
  return {
    forDelivery: (delivery, action, signing) => sign({ delivery }, action, signing),
    forGroup: (group, action, signing) => sign({ group }, action, signing),
  };
}
