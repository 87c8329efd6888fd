import type { RecipientAction } from "./action.ts";
import { dayMs } from "./time/local-time.ts";
import { createTokens } from "./tokens.ts";

/** The links of messages, by which recipients act. Each is good for 30 days, and says nothing about the person. */
export interface ActionLinks {
  forDelivery(deliveryId: string, action: RecipientAction, now: Date): Promise<string>;
  /** On all members of a group at once. */
  forGroup(groupId: string, action: RecipientAction, now: Date): Promise<string>;
}

const lifetimeMs = 30 * dayMs;

/** @param publicUrl where recipients reach the API, without a slash at its end */
export function createActionLinks({
  secret,
  publicUrl,
}: {
  secret: string;
  publicUrl: string;
}): ActionLinks {
  const tokens = createTokens(secret);
  const link = (token: string) => `${publicUrl}/a/${token}`;
  const expiry = (now: Date) => new Date(now.getTime() + lifetimeMs);
  return {
    forDelivery: async (delivery, action, now) =>
      link(await tokens.signActionToken({ target: { delivery }, action, expiresAt: expiry(now) })),
    forGroup: async (group, action, now) =>
      link(await tokens.signActionToken({ target: { group }, action, expiresAt: expiry(now) })),
  };
}
