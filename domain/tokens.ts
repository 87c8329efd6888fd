import { createHash, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
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

/** Tokens of a recipient are called back by raising their epoch: one that bears another is void. */
interface Epoch {
  /** That of the recipient when it was signed; 0 for tokens from before there were any. */
  epoch: number;
}

/**
 * Signs and verifies what recipients hold in place of a key: JSON Web Tokens (RFC 7519) under HMAC with SHA-256, with ids
 * and an expiry in them, and nothing about the person. The signature is compared in constant time. Whether the epoch is the
 * recipient's still is for the caller to look up.
 */
export interface Tokens {
  /** Lets its holder read and change the preferences of one recipient. */
  signRecipientToken(
    input: Partial<Epoch> & { recipientId: string; expiresAt: Date },
  ): Promise<string>;
  verifyRecipientToken(
    token: string,
    now: Date,
  ): Promise<Verified<Epoch & { recipientId: string }>>;
  /** Lets its holder do one thing. The same claims and expiry make the same token. */
  signActionToken(claims: ActionClaims & Partial<Epoch> & { expiresAt: Date }): Promise<string>;
  /** `id` is the token's own: the same however often it is sent, and however its signature is spelt. */
  verifyActionToken(
    token: string,
    now: Date,
  ): Promise<Verified<ActionClaims & Epoch & { id: string }>>;
}

const algorithm = "HS256";

const epochClaim = z.int().min(0).default(0);

const recipientPayload = z.object({ sub: publicIdOf("recipient"), epoch: epochClaim });

const actionPayload = z.object({
  sub: z.union([
    publicIdOf("delivery").transform((delivery) => ({ delivery })),
    publicIdOf("group").transform((group) => ({ group })),
  ]),
  act: recipientAction,
  epoch: epochClaim,
});

/**
 * @param secrets each at least 32 characters that nobody else knows: the first one signs, and what any of them signed is good. A token
 *   names its secret by an id, which tells nothing of it; those from before there were ids are tried with each.
 */
export function createTokens(secrets: readonly string[]): Tokens {
  const keyring = secrets.map((secret) => ({
    id: keyIdOf(secret),
    keys: { preferences: keyFor(secret, "preferences"), action: keyFor(secret, "action") },
  }));
  const [newest] = keyring;
  if (!newest) throw new Error("tokens need a secret");

  const sign = (
    purpose: Purpose,
    { epoch, ...payload }: Epoch & Record<string, unknown>,
    expiresAt: Date,
  ) =>
    new SignJWT(epoch === 0 ? payload : { ...payload, epoch })
      .setProtectedHeader({ alg: algorithm, kid: newest.id })
      .setAudience(purpose)
      .setExpirationTime(expiresAt)
      .sign(newest.keys[purpose]);

  async function verify<Payload>(
    purpose: Purpose,
    schema: z.ZodType<Payload>,
    token: string,
    now: Date,
  ): Promise<Verified<Payload>> {
    const kid = keyIdIn(token);
    for (const { id, keys } of keyring) {
      if (kid !== undefined && kid !== id) continue;
      const verified = await verifyWith(keys[purpose], purpose, schema, token, now);
      if (!("fault" in verified) || verified.fault === "expired") return verified;
    }
    return { fault: "invalid" };
  }

  async function verifyWith<Payload>(
    key: KeyObject,
    purpose: Purpose,
    schema: z.ZodType<Payload>,
    token: string,
    now: Date,
  ): Promise<Verified<Payload>> {
    try {
      const { payload } = await jwtVerify(token, key, {
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
    signRecipientToken: ({ recipientId, epoch = 0, expiresAt }) =>
      sign("preferences", { sub: publicId("recipient", recipientId), epoch }, expiresAt),
    async verifyRecipientToken(token, now) {
      const verified = await verify("preferences", recipientPayload, token, now);
      if ("fault" in verified) return verified;
      const { sub: recipientId, epoch } = verified.claims;
      return { claims: { recipientId, epoch } };
    },
    signActionToken: ({ target, action, epoch = 0, expiresAt }) =>
      sign("action", { sub: shownTarget(target), act: action, epoch }, expiresAt),
    async verifyActionToken(token, now) {
      const verified = await verify("action", actionPayload, token, now);
      if ("fault" in verified) return verified;
      const { sub: target, act: action, epoch } = verified.claims;
      return { claims: { id: idOf(token), target, action, epoch } };
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
const derive = (secret: string, purpose: string, bytes: number) =>
  new Uint8Array(hkdfSync("sha256", secret, "", `tidings token: ${purpose}`, bytes));

const keyFor = (secret: string, purpose: Purpose): KeyObject =>
  createSecretKey(derive(secret, purpose, 32));

const keyIdOf = (secret: string): string =>
  Buffer.from(derive(secret, "key id", 6)).toString("base64url");

/** Undefined where it names none, or is no token at all. */
function keyIdIn(token: string): unknown {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
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
