import { createECDH, randomBytes } from "node:crypto";
import type { PushSubscription } from "../../domain/push-subscription.ts";

/** A subscription as a browser makes it, with keys of its own. */
export function makeSubscription(
  endpoint = `https://updates.push.services.mozilla.com/wpush/v2/${randomBytes(40).toString("base64url")}`,
): PushSubscription {
  const device = createECDH("prime256v1");
  return {
    endpoint,
    expirationTime: null,
    keys: {
      p256dh: device.generateKeys("base64url"),
      auth: randomBytes(16).toString("base64url"),
    },
  };
}
