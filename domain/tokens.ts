import { createHash, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { recipientAction, type RecipientAction } from "./action.ts";
import { parsePublicId, publicId } from "./ids.ts";

/** What the holder of a recipient's token may do: read the inbox, manage the devices that push messages reach, or manage preferences. */
export const recipientPurposes = ["inbox", "push", "preferences"] as const;
export type RecipientPurpose = (typeof recipientPurposes)[number];

/**
 * The kind of a token. Each kind has its own signing key. The claim `aud` of a preference token and of an action's token is the kind; that
 * of a recipient's token is a list of purposes.
 */
type Kind = "preferences" | "recipient" | "action" | "receipt";

/** What an action or a receipt is about: one delivery, or all members of a group. Ids are UUIDs. */
export type ActionTarget = { delivery: string } | { group: string };

interface ActionClaims {
  target: ActionTarget;
  action: RecipientAction;
}

/** `expired`: the token was valid once. `invalid`: the token was never valid under these secrets and for this purpose. */
type TokenFault = "expired" | "invalid";

type Verified<Claims> = { claims: Claims } | { fault: TokenFault };

/** The tokens of a recipient are revoked by raising the recipient's epoch: tokens with another epoch are void. */
interface Epoch {
  /** The recipient's epoch when the token was signed; 0 for tokens without the claim. */
  epoch: number;
}

interface RecipientClaims extends Epoch {
  recipientId: string;
  /** The purposes of the token: at least one. */
  purposes: readonly RecipientPurpose[];
  expiresAt: Date;
}

/**
 * Signs and verifies the tokens of recipients: JSON Web Tokens (RFC 7519) with HMAC and SHA-256. They contain ids and an expiry, and
 * nothing about the person. Signatures are compared in constant time. The caller checks that the epoch is still the recipient's.
 */
export interface Tokens {
  /**
   * Signs a token with which its holder may act for one recipient, for these purposes only. Without purposes it is a preference token, whose
   * only purpose is `preferences`.
   */
  signRecipientToken(
    input: Partial<Epoch> & {
      recipientId: string;
      expiresAt: Date;
      purposes?: readonly RecipientPurpose[];
    },
  ): Promise<string>;
  /** Verifies a token of a recipient, with or without purposes of its own. */
  verifyRecipientToken(token: string, now: Date): Promise<Verified<RecipientClaims>>;
  /** Signs a token with which its holder may perform one action. The same claims and expiry give the same token. */
  signActionToken(claims: ActionClaims & Partial<Epoch> & { expiresAt: Date }): Promise<string>;
  /** Verifies a token of an action. `id` identifies the token: it is the same for all spellings of the signature. */
  verifyActionToken(
    token: string,
    now: Date,
  ): Promise<Verified<ActionClaims & Epoch & { id: string }>>;
  /**
   * Signs a token with which a device reports what became of a notification that it received. The same target and expiry give the
   * same token.
   */
  signReceiptToken(
    input: Partial<Epoch> & { target: ActionTarget; expiresAt: Date },
  ): Promise<string>;
  verifyReceiptToken(token: string, now: Date): Promise<Verified<Epoch & { target: ActionTarget }>>;
}

const algorithm = "HS256";

const epochClaim = z.int().min(0).default(0);

const expiryClaim = z.int().transform((seconds) => new Date(seconds * 1_000));

const preferencePayload = z.object({
  sub: publicIdOf("recipient"),
  epoch: epochClaim,
  exp: expiryClaim,
});

const recipientPayload = preferencePayload.extend({
  aud: z.array(z.enum(recipientPurposes)).min(1),
});

const target = z.union([
  publicIdOf("delivery").transform((delivery) => ({ delivery })),
  publicIdOf("group").transform((group) => ({ group })),
]);

const actionPayload = z.object({ sub: target, act: recipientAction, epoch: epochClaim });

const receiptPayload = z.object({ sub: target, epoch: epochClaim });

/**
 * @param secrets secrets of at least 32 characters each. The first one signs; tokens that any of them signed are valid. A token names its
 *   secret by an id, which reveals nothing of the secret. A token without that id is verified with each secret in turn.
 */
export function createTokens(secrets: readonly string[]): Tokens {
  const keyring = secrets.map((secret) => ({
    id: keyIdOf(secret),
    keys: {
      preferences: keyFor(secret, "preferences"),
      recipient: keyFor(secret, "recipient"),
      action: keyFor(secret, "action"),
      receipt: keyFor(secret, "receipt"),
    },
  }));
  const [newest] = keyring;
  if (!newest) throw new Error("tokens need a secret");

  const sign = (
    kind: Kind,
    { epoch, ...payload }: Epoch & Record<string, unknown>,
    expiresAt: Date,
    audience: string | string[] = kind,
  ) =>
    new SignJWT(epoch === 0 ? payload : { ...payload, epoch })
      .setProtectedHeader({ alg: algorithm, kid: newest.id })
      .setAudience(audience)
      .setExpirationTime(expiresAt)
      .sign(newest.keys[kind]);

  async function verify<Payload>(
    kind: Kind,
    schema: z.ZodType<Payload>,
    token: string,
    now: Date,
  ): Promise<Verified<Payload>> {
    const kid = keyIdIn(token);
    for (const { id, keys } of keyring) {
      if (kid !== undefined && kid !== id) continue;
      const verified = await verifyWith(keys[kind], audiences[kind], schema, token, now);
      if (!("fault" in verified) || verified.fault === "expired") return verified;
    }
    return { fault: "invalid" };
  }

  async function verifyWith<Payload>(
    key: KeyObject,
    audience: string | string[],
    schema: z.ZodType<Payload>,
    token: string,
    now: Date,
  ): Promise<Verified<Payload>> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        audience,
        requiredClaims: ["exp"],
        currentDate: now,
      });
      const parsed = schema.safeParse(payload);
      return parsed.success ? { claims: parsed.data } : { fault: "invalid" };
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      return { fault: error instanceof errors.JWTExpired ? "expired" : "invalid" };
    }
  }

  return {
    signRecipientToken({ recipientId, epoch = 0, expiresAt, purposes }) {
      const payload = { sub: publicId("recipient", recipientId), epoch };
      return purposes === undefined
        ? sign("preferences", payload, expiresAt)
        : sign("recipient", payload, expiresAt, [...purposes]);
    },
    async verifyRecipientToken(token, now) {
      const verified = await verify("recipient", recipientPayload, token, now);
      if ("claims" in verified) {
        const { sub: recipientId, epoch, exp: expiresAt, aud: purposes } = verified.claims;
        return { claims: { recipientId, epoch, purposes, expiresAt } };
      }
      if (verified.fault === "expired") return verified;
      const preference = await verify("preferences", preferencePayload, token, now);
      if ("fault" in preference) return preference;
      const { sub: recipientId, epoch, exp: expiresAt } = preference.claims;
      return { claims: { recipientId, epoch, purposes: ["preferences"], expiresAt } };
    },
    signActionToken: ({ target: of, action, epoch = 0, expiresAt }) =>
      sign("action", { sub: shownTarget(of), act: action, epoch }, expiresAt),
    async verifyActionToken(token, now) {
      const verified = await verify("action", actionPayload, token, now);
      if ("fault" in verified) return verified;
      const { sub, act: action, epoch } = verified.claims;
      return { claims: { id: hashTokenId(token), target: sub, action, epoch } };
    },
    signReceiptToken: ({ target: of, epoch = 0, expiresAt }) =>
      sign("receipt", { sub: shownTarget(of), epoch }, expiresAt),
    async verifyReceiptToken(token, now) {
      const verified = await verify("receipt", receiptPayload, token, now);
      if ("fault" in verified) return verified;
      const { sub, epoch } = verified.claims;
      return { claims: { target: sub, epoch } };
    },
  };
}

/** The id of a token is a hash of its signed part only: base64url has several spellings of one signature. */
function hashTokenId(token: string): string {
  return createHash("sha256")
    .update(token.slice(0, token.lastIndexOf(".")))
    .digest("base64url");
}

/** The audiences of which a token must name at least one. */
const audiences: Record<Kind, string | string[]> = {
  preferences: "preferences",
  recipient: [...recipientPurposes],
  action: "action",
  receipt: "receipt",
};

/** Derives a separate key for each kind of token from one secret (HKDF, RFC 5869). */
const derive = (secret: string, kind: string, bytes: number) =>
  new Uint8Array(hkdfSync("sha256", secret, "", `tidings token: ${kind}`, bytes));

const keyFor = (secret: string, kind: Kind): KeyObject => createSecretKey(derive(secret, kind, 32));

const keyIdOf = (secret: string): string =>
  Buffer.from(derive(secret, "key id", 6)).toString("base64url");

/** The id of the secret in the header of a token; undefined where there is none, or where the text is not a token. */
function keyIdIn(token: string): unknown {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}

function shownTarget(of: ActionTarget): string {
  return "group" in of ? publicId("group", of.group) : publicId("delivery", of.delivery);
}

/** The schema of a public id; the result is its UUID. */
function publicIdOf(kind: "recipient" | "delivery" | "group") {
  return z.string().transform((id, context): string => {
    const uuid = parsePublicId(kind, id);
    if (uuid !== null) return uuid;
    context.addIssue({ code: "custom", message: `must be the id of a ${kind}` });
    return z.NEVER;
  });
}
