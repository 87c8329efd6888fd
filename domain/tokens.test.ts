import { createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RecipientAction } from "./action.ts";
import { newUuid, publicId } from "./ids.ts";
import { type ActionTarget, createTokens } from "./tokens.ts";

const secret = "a-secret-of-at-least-32-characters";
const tokens = createTokens([secret]);
const now = new Date("2027-03-01T09:00:00Z");
const later = new Date(now.getTime() + 60_000);

const uuid = fc.constant(null).map(() => newUuid(now));
const target: fc.Arbitrary<ActionTarget> = fc.oneof(
  uuid.map((delivery) => ({ delivery })),
  uuid.map((group) => ({ group })),
);
const action: fc.Arbitrary<RecipientAction> = fc.oneof(
  fc.webUrl().map((url) => ({ action: "view" as const, url })),
  fc.integer({ min: 1, max: 525_600 }).map((minutes) => ({ action: "snooze" as const, minutes })),
  fc.constant({ action: "complete" as const }),
);

const parts = (token: string) => token.split(".") as [string, string, string];
const decoded = (part: string) =>
  JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

const recipientToken = (recipientId: string, expiresAt = later) =>
  tokens.signRecipientToken({ recipientId, expiresAt });

describe("a token", () => {
  it("contains the claims that it was signed for", async () => {
    await fc.assert(
      fc.asyncProperty(target, action, async (someTarget, someAction) => {
        const claims = { target: someTarget, action: someAction };
        const token = await tokens.signActionToken({ ...claims, expiresAt: later });
        expect(await tokens.verifyActionToken(token, now)).toEqual({
          claims: { id: expect.any(String) as string, ...claims, epoch: 0 },
        });
      }),
    );
    const recipientId = newUuid(now);
    expect(await tokens.verifyRecipientToken(await recipientToken(recipientId), now)).toEqual({
      claims: { recipientId, epoch: 0, purposes: ["preferences"], expiresAt: later },
    });
  });

  it("names the purposes that it was signed for, and has a key of its own for them", async () => {
    const recipientId = newUuid(now);
    const input = { recipientId, epoch: 2, expiresAt: later };
    const purposes = ["inbox", "push"] as const;
    const token = await tokens.signRecipientToken({ ...input, purposes });
    expect(await tokens.verifyRecipientToken(token, now)).toEqual({
      claims: { recipientId, epoch: 2, purposes, expiresAt: later },
    });
    expect(await tokens.verifyRecipientToken(token, later)).toEqual({ fault: "expired" });
    expect(await tokens.verifyActionToken(token, now)).toEqual({ fault: "invalid" });
    // A preference token whose audience names purposes would be signed with the other key.
    const sign = (aud: unknown, key: "preferences" | "recipient") => {
      const signed = `${encoded({ alg: "HS256" })}.${encoded({ aud, sub: publicId("recipient", recipientId), exp: later.getTime() / 1_000 })}`;
      const derived = hkdfSync("sha256", secret, "", `tidings token: ${key}`, 32);
      return `${signed}.${createHmac("sha256", Buffer.from(derived)).update(signed).digest("base64url")}`;
    };
    const verify = (aud: unknown, key: "preferences" | "recipient") =>
      tokens.verifyRecipientToken(sign(aud, key), now);
    expect(await verify(["inbox"], "recipient")).toMatchObject({ claims: { purposes: ["inbox"] } });
    for (const aud of [["inbox"], ["push", "preferences", "x"]])
      expect(await verify(aud, "preferences")).not.toMatchObject({ claims: { purposes: aud } });
    for (const aud of ["inbox", "preferences", [], ["inbox", "everything"], undefined])
      expect(await verify(aud, "recipient")).toEqual({ fault: "invalid" });
  });

  it("contains an id, a purpose and an expiry, and nothing else", async () => {
    const recipientId = newUuid(now);
    const [header, payload] = parts(await recipientToken(recipientId));
    expect(decoded(header)).toEqual({
      alg: "HS256",
      kid: expect.stringMatching(/^[\w-]{8}$/) as string,
    });
    expect(decoded(payload)).toEqual({
      sub: publicId("recipient", recipientId),
      aud: "preferences",
      exp: later.getTime() / 1_000,
    });
  });

  it("has the same id for all spellings of its signature", async () => {
    const complete = {
      target: { delivery: newUuid(now) },
      action: { action: "complete" },
    } as const;
    const token = await tokens.signActionToken({ ...complete, expiresAt: later });
    const idOf = async (of: string) => {
      const verified = await tokens.verifyActionToken(of, now);
      return "claims" in verified ? verified.claims.id : null;
    };
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(token.at(-1)!);
    const respelt = token.slice(0, -1) + alphabet[last ^ 1]!;
    expect(await idOf(respelt)).toBe(await idOf(token));
    const another = await tokens.signActionToken({ ...complete, expiresAt: now });
    expect(await idOf(another)).not.toBe(await idOf(token));
  });

  it("expires", async () => {
    const token = await recipientToken(newUuid(now));
    const before = new Date(later.getTime() - 1);
    expect(await tokens.verifyRecipientToken(token, before)).toHaveProperty("claims");
    expect(await tokens.verifyRecipientToken(token, later)).toEqual({ fault: "expired" });
  });

  it("is invalid for another purpose, and under another secret", async () => {
    const preferences = await recipientToken(newUuid(now));
    const complete = await tokens.signActionToken({
      target: { delivery: newUuid(now) },
      action: { action: "complete" },
      expiresAt: later,
    });
    expect(await tokens.verifyActionToken(preferences, now)).toEqual({ fault: "invalid" });
    expect(await tokens.verifyRecipientToken(complete, now)).toEqual({ fault: "invalid" });
    const others = createTokens([`${secret}!`]);
    expect(await others.verifyRecipientToken(preferences, now)).toEqual({ fault: "invalid" });
    // An expired token of another purpose is invalid, and not `expired`.
    expect(await tokens.verifyActionToken(preferences, later)).toEqual({ fault: "invalid" });
  });

  it("of a receipt names its delivery or group, and is valid for nothing else", async () => {
    for (const target of [{ delivery: newUuid(now) }, { group: newUuid(now) }]) {
      const receipt = await tokens.signReceiptToken({ target, epoch: 2, expiresAt: later });
      expect(await tokens.verifyReceiptToken(receipt, now)).toEqual({
        claims: { target, epoch: 2 },
      });
      expect(await tokens.verifyReceiptToken(receipt, later)).toEqual({ fault: "expired" });
      expect(await tokens.verifyActionToken(receipt, now)).toEqual({ fault: "invalid" });
      const action = { action: "complete" } as const;
      const complete = await tokens.signActionToken({ target, action, expiresAt: later });
      expect(await tokens.verifyReceiptToken(complete, now)).toEqual({ fault: "invalid" });
    }
  });

  it("is valid under each known secret, and signed with the newest", async () => {
    const newer = "a-newer-secret-of-32-characters-x";
    const both = createTokens([newer, secret]);
    const recipientId = newUuid(now);
    const old = await recipientToken(recipientId);
    expect(await both.verifyRecipientToken(old, now)).toMatchObject({ claims: { recipientId } });
    const fresh = await both.signRecipientToken({ recipientId, expiresAt: later });
    expect(await createTokens([newer]).verifyRecipientToken(fresh, now)).toHaveProperty("claims");
    expect(await tokens.verifyRecipientToken(fresh, now)).toEqual({ fault: "invalid" });
    expect(await createTokens([newer]).verifyRecipientToken(old, now)).toEqual({
      fault: "invalid",
    });
    expect(await both.verifyRecipientToken(old, later)).toEqual({ fault: "expired" });
  });

  it("without the id of its secret is valid under each known secret", async () => {
    const recipientId = newUuid(now);
    const signed = `${encoded({ alg: "HS256" })}.${encoded({ aud: "preferences", sub: publicId("recipient", recipientId), exp: later.getTime() / 1_000 })}`;
    const key = hkdfSync("sha256", secret, "", "tidings token: preferences", 32);
    const old = `${signed}.${createHmac("sha256", Buffer.from(key)).update(signed).digest("base64url")}`;
    for (const known of [[secret], ["a-newer-secret-of-32-characters-x", secret]])
      expect(await createTokens(known).verifyRecipientToken(old, now)).toEqual({
        claims: { recipientId, epoch: 0, purposes: ["preferences"], expiresAt: later },
      });
  });

  it("contains the epoch of its recipient", async () => {
    const recipientId = newUuid(now);
    const token = await tokens.signRecipientToken({ recipientId, epoch: 7, expiresAt: later });
    expect(await tokens.verifyRecipientToken(token, now)).toEqual({
      claims: { recipientId, epoch: 7, purposes: ["preferences"], expiresAt: later },
    });
  });

  it("is invalid once a character of it has changed", async () => {
    const [header, payload, signature] = parts(await recipientToken(newUuid(now)));
    const text = `${header}.${payload}.${signature}`;
    await fc.assert(
      fc.asyncProperty(
        // The last character of a signature has two unused bits.
        fc.nat(text.length - 2),
        fc.constantFrom(..."AZaz09-_."),
        async (at, character) => {
          fc.pre(text[at] !== character);
          const changed = text.slice(0, at) + character + text.slice(at + 1);
          expect(await tokens.verifyRecipientToken(changed, now)).toEqual({ fault: "invalid" });
        },
      ),
    );
  });

  it("is invalid without a signature, with another algorithm, or signed with the secret itself", async () => {
    const [header, payload] = parts(await recipientToken(newUuid(now)));
    const signed = `${header}.${payload}`;
    const bySecret = createHmac("sha256", secret).update(signed).digest("base64url");
    for (const token of [
      `${encoded({ alg: "none" })}.${payload}.`,
      `${signed}.`,
      signed,
      `${encoded({ alg: "HS512" })}.${payload}.${parts(await recipientToken(newUuid(now)))[2]}`,
      `${signed}.${bySecret}`,
    ])
      expect(await tokens.verifyRecipientToken(token, now)).toEqual({ fault: "invalid" });
  });

  it("is not found in any other text", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        expect(await tokens.verifyRecipientToken(text, now)).toEqual({ fault: "invalid" });
        expect(await tokens.verifyActionToken(`${text}.${text}.${text}`, now)).toEqual({
          fault: "invalid",
        });
      }),
    );
  });
});
