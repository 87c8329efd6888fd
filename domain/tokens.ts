import { createHash, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { recipientAction, type RecipientAction } from "./action.ts";
import { parsePublicId, publicId } from "./ids.ts";

/** What a token is good for, and nothing else: each has a key of its own, and the token names it too. */
type Purpose = "preferences" | "action";

/** What an action is done to: one delivery, or all members of a group. Ids are UUIDs. */
export type ActionTarget = { delivery: string } | { group: string };

interface ActionClaims {
  target: ActionTarget;
  action: RecipientAction;
}

/** `expired`: it was good once. `invalid`: it never was, under this secret and for this purpose. */
type TokenFault = "expired" | "invalid";

type Verified<Claims> = { claims: Claims } | { fault: TokenFault };

/**
 * Signs and verifies what recipients hold in place of a key: JSON Web Tokens (RFC 7519) under HMAC with SHA-256, with ids
 * and an expiry in them, and nothing about the person. The signature is compared in constant time.
 */
export interface Tokens {
  /** Lets its holder read and change the preferences of one recipient. */
  signRecipientToken(input: { recipientId: string; expiresAt: Date }): Promise<string>;
  verifyRecipientToken(token: string, now: Date): Promise<Verified<{ recipientId: string }>>;
  /** Lets its holder do one thing. The same claims and expiry make the same token. */
  signActionToken(claims: ActionClaims & { expiresAt: Date }): Promise<string>;
  /** `id` is the token's own: the same however often it is sent, and however its signature is spelt. */
  verifyActionToken(token: string, now: Date): Promise<Verified<ActionClaims & { id: string }>>;
}

const algorithm = "HS256";

const recipientPayload = z.object({ sub: publicIdOf("recipient") });

const actionPayload = z.object({
  sub: z.union([
    publicIdOf("delivery").transform((delivery) => ({ delivery })),
    publicIdOf("group").transform((group) => ({ group })),
  ]),
  act: recipientAction,
});

/** @param secret at least 32 characters that nobody else knows */
export function createTokens(secret: string): Tokens {
  const keys: Record<Purpose, KeyObject> = {
    preferences: keyFor(secret, "preferences"),
    action: keyFor(secret, "action"),
  };

  const sign = (purpose: Purpose, payload: Record<string, unknown>, expiresAt: Date) =>
    new SignJWT(payload)
      .setProtectedHeader({ alg: algorithm })
      .setAudience(purpose)
      .setExpirationTime(expiresAt)
      .sign(keys[purpose]);

  async function verify<Payload>(
    purpose: Purpose,
    schema: z.ZodType<Payload>,
    token: string,
    now: Date,
  ): Promise<Verified<Payload>> {
    try {
      const { payload } = await jwtVerify(token, keys[purpose], {
        algorithms: [algorithm],
        audience: purpose,
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
    signRecipientToken: ({ recipientId, expiresAt }) =>
      sign("preferences", { sub: publicId("recipient", recipientId) }, expiresAt),
    async verifyRecipientToken(token, now) {
      const verified = await verify("preferences", recipientPayload, token, now);
      return "fault" in verified ? verified : { claims: { recipientId: verified.claims.sub } };
    },
    signActionToken: ({ target, action, expiresAt }) =>
      sign("action", { sub: shownTarget(target), act: action }, expiresAt),
    async verifyActionToken(token, now) {
      const verified = await verify("action", actionPayload, token, now);
      if ("fault" in verified) return verified;
      const { sub: target, act: action } = verified.claims;
      return { claims: { id: idOf(token), target, action } };
    },
  };
}

/** Of what is signed: base64url has several spellings of one signature. */
function idOf(token: string): string {
  return createHash("sha256")
    .update(token.slice(0, token.lastIndexOf(".")))
    .digest("base64url");
}

/** RFC 5869: from one secret a key for each purpose, of which none tells another. */
function keyFor(secret: string, purpose: Purpose): KeyObject {
  return createSecretKey(
    new Uint8Array(hkdfSync("sha256", secret, "", `tidings token: ${purpose}`, 32)),
  );
}

function shownTarget(target: ActionTarget): string {
  return "group" in target
    ? publicId("group", target.group)
    : publicId("delivery", target.delivery);
}

/** A public id, as its UUID. */
function publicIdOf(kind: "recipient" | "delivery" | "group") {
  return z.string().transform((id, context): string => {
    const uuid = parsePublicId(kind, id);
    if (uuid !== null) return uuid;
    context.addIssue({ code: "custom", message: `must be the id of a ${kind}` });
    return z.NEVER;
  });
}
