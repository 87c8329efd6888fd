import type { RecipientAction } from "./action.ts";
import { dayMs } from "./time/local-time.ts";
import { type ActionTarget, createTokens } from "./tokens.ts";

interface Signing {
  /** Of the recipient's links (domain/tokens.ts). */
  epoch: number;
  now: Date;
}

/** The links of messages, by which recipients act. Each is good for 30 days, and says nothing about the person. */
export interface ActionLinks {
  forDelivery(deliveryId: string, action: RecipientAction, signing: Signing): Promise<string>;
  /** On all members of a group at once. */
  forGroup(groupId: string, action: RecipientAction, signing: Signing): Promise<string>;
}

const lifetimeMs = 30 * dayMs;

/**
 * @param secrets as `createTokens` takes them
 * @param publicUrl where recipients reach the API, without a slash at its end
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
