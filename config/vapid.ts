import { createECDH } from "node:crypto";
import { ConfigurationError, type Environment } from "./environment.ts";

/** A pair of VAPID keys (RFC 8292), in base64url. A subscription is bound to one of them. */
interface VapidKeys {
  publicKey: string;
  privateKey: string;
}

export interface VapidSettings {
  /** The current pair first, then those with which older subscriptions were made. At least one. */
  keys: readonly VapidKeys[];
  /** A mailto: or https: URL by which a push service reaches the operator. */
  subject: string;
}

/**
 * Combines the settings of web push; null if none is set. Throws a `ConfigurationError` if the public key is not that of the first private key,
 * so that browsers would subscribe with a key that nothing is signed with.
 */
export function readVapid(
  settings: Environment<"VAPID_PUBLIC_KEY" | "VAPID_PRIVATE_KEY" | "VAPID_SUBJECT">,
): VapidSettings | null {
  const { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: secrets = [] } = settings;
  const { VAPID_SUBJECT: subject } = settings;
  const keys = secrets.map((privateKey) => ({ privateKey, publicKey: publicKeyOf(privateKey) }));
  const [current] = keys;
  if (!current) {
    if (publicKey === undefined) return null;
    throw new ConfigurationError(["VAPID_PRIVATE_KEY is not set: VAPID_PUBLIC_KEY requires it"]);
  }
  if (publicKey !== undefined && publicKey !== current.publicKey)
    throw new ConfigurationError([
      "VAPID_PUBLIC_KEY is not the public key of the first VAPID_PRIVATE_KEY",
    ]);
  if (subject === undefined)
    throw new ConfigurationError(["VAPID_SUBJECT is not set: VAPID_PRIVATE_KEY requires it"]);
  return { keys, subject };
}

/** The public key of a private key. Throws if the private key is not one of the curve P-256. */
export function publicKeyOf(privateKey: string): string {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(Buffer.from(privateKey, "base64url"));
  return curve.getPublicKey("base64url");
}

/** Creates a private key. */
export function createVapidKey(): string {
  const curve = createECDH("prime256v1");
  curve.generateKeys();
  // Leading zeros are part of the key.
  return Buffer.concat([Buffer.alloc(32), curve.getPrivateKey()])
    .subarray(-32)
    .toString("base64url");
}
