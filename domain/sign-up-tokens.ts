import { createHash } from "node:crypto";
import { addressKey } from "./address.ts";
import { createCompactTokens } from "./compact-tokens.ts";
import { formatUuid } from "./ids.ts";
import { dayMs } from "./time/durations.ts";

/** What a link to confirm subscriptions names. */
export interface Confirmation {
  recipientId: string;
  topicIds: readonly string[];
  madeAt: Date;
  /** A fingerprint of the address to which the link was sent: it confirms nothing once the recipient has another one. */
  addressHash: string;
}

/** The most topics that one form offers and one link confirms. */
export const maxSignUpTopics = 5;

/** How external ids begin of recipients whom the sign-up form created. They are erased if they confirm nothing. */
export const signUpPrefix = "sign-up-";

/** How long a link confirms. */
const confirmationMs = 7 * dayMs;
/** The shortest time in which a person fills in the form, and the longest for which a page with it is used. */
const leastFormMs = 2_000;
const longestFormMs = dayMs;

const timeBytes = 6;
const hashBytes = 16;
const idBytes = 16;

/** A fingerprint of an address, the same for all its spellings. It cannot be turned back, and is never used as a proof by itself. */
export const fingerprintAddress = (email: string): string =>
  createHash("sha256")
    .update(addressKey(email) ?? email)
    .digest("hex")
    .slice(0, 2 * hashBytes);

/** Signs and verifies the tokens in links to confirm subscriptions. They contain ids only. */
export function createConfirmationTokens(secrets: readonly string[]) {
  const tokens = createCompactTokens(secrets, "confirm subscription");
  return {
    sign({ recipientId, topicIds, madeAt, addressHash }: Confirmation): string {
      const ids = [recipientId, ...topicIds].join("").replaceAll("-", "");
      const content = Buffer.alloc(timeBytes + hashBytes + ids.length / 2);
      content.writeUIntBE(madeAt.getTime(), 0, timeBytes);
      content.write(addressHash, timeBytes, "hex");
      content.write(ids, timeBytes + hashBytes, "hex");
      return tokens.sign(content);
    },
    /** Null for a text that is not such a token. `isExpired` says whether the link is too old to confirm. */
    verify(token: string, now: Date): (Confirmation & { isExpired: boolean }) | null {
      const content = tokens.verify(token);
      if (content === null) return null;
      const madeAt = new Date(content.readUIntBE(0, timeBytes));
      const ids = content.subarray(timeBytes + hashBytes);
      const idAt = (place: number) =>
        formatUuid(ids.subarray(place * idBytes, (place + 1) * idBytes));
      return {
        recipientId: idAt(0),
        topicIds: Array.from({ length: ids.length / idBytes - 1 }, (_, place) => idAt(place + 1)),
        madeAt,
        addressHash: content.toString("hex", timeBytes, timeBytes + hashBytes),
        isExpired: now.getTime() - madeAt.getTime() > confirmationMs,
      };
    },
  };
}

/** Signs and verifies when a page with the form was made, so that programs cannot fill it in faster than a person could, or keep it. */
export function createFormTokens(secrets: readonly string[]) {
  const tokens = createCompactTokens(secrets, "sign-up form");
  const sign = (now: Date): string => {
    const content = Buffer.alloc(timeBytes);
    content.writeUIntBE(now.getTime(), 0, timeBytes);
    return tokens.sign(content);
  };
  /** The age of the page; null for a text that is not such a token. */
  const ageMsOf = (token: string, now: Date): number | null => {
    const content = tokens.verify(token);
    return content === null ? null : now.getTime() - content.readUIntBE(0, timeBytes);
  };
  return {
    sign,
    /** Says whether a person may have sent the form. */
    isPlausible(token: string, now: Date): boolean {
      const ageMs = ageMsOf(token, now);
      return ageMs !== null && ageMs >= leastFormMs && ageMs <= longestFormMs;
    },
    /** The token of a form that is shown again: the same one while it is valid, so that anybody who was too fast need not wait again. */
    renew(token: string, now: Date): string {
      const ageMs = ageMsOf(token, now);
      return ageMs !== null && ageMs >= 0 && ageMs <= longestFormMs ? token : sign(now);
    },
  };
}
