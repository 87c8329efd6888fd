import { createCompactTokens } from "./compact-tokens.ts";
import { formatUuid, writeUuid } from "./ids.ts";
import { dayMs, hourMs } from "./time/durations.ts";

/** How long a link to the preference centre works: emails are read weeks later. */
export const preferenceLinkMs = 90 * dayMs;

/** How the emails with which recipients are sent their links are marked: by their author and their entity. Only their links may be used to erase. */
export const preferenceLinkMail = { createdBy: "tidings", entityId: "preference-link" } as const;

/**
 * How long a link also allows to download and to erase everything. Old emails are forwarded, so that somebody who wants this later has to ask for a
 * new link, which goes to the recipient's own address.
 */
const trustedMs = 24 * hourMs;

/** Whose preferences a link is for. */
interface PreferenceLink {
  /** The UUID. */
  recipientId: string;
  /** The epoch of the recipient's links: a link with another one was revoked. */
  epoch: number;
  /** When the link was made, to the second. */
  madeAt: Date;
}

/** Signs and verifies the tokens in links to the preference centre. They contain ids and an instant only. */
export interface PreferenceTokens {
  sign(link: PreferenceLink): string;
  /** Null for a text that is not such a token. The caller checks that the epoch is still the recipient's. */
  verify(token: string): PreferenceLink | null;
}

const idBytes = 16;

/** @param secrets the secrets for `createCompactTokens` */
export function createPreferenceTokens(secrets: readonly string[]): PreferenceTokens {
  const tokens = createCompactTokens(secrets, "preferences");
  return {
    sign({ recipientId, epoch, madeAt }) {
      const content = Buffer.allocUnsafe(idBytes + 8);
      writeUuid(content, recipientId, 0);
      content.writeUInt32BE(epoch, idBytes);
      content.writeUInt32BE(Math.floor(madeAt.getTime() / 1_000), idBytes + 4);
      return tokens.sign(content);
    },
    verify(token) {
      const content = tokens.verify(token);
      if (content === null) return null;
      return {
        recipientId: formatUuid(content.subarray(0, idBytes)),
        epoch: content.readUInt32BE(idBytes),
        madeAt: new Date(content.readUInt32BE(idBytes + 4) * 1_000),
      };
    },
  };
}

/** Whether a link has expired. */
export const isExpired = ({ madeAt }: Pick<PreferenceLink, "madeAt">, now: Date): boolean =>
  now.getTime() >= madeAt.getTime() + preferenceLinkMs;

/** When a link is said to be made that never allows to download and to erase everything, because others may have it too. */
export const madeUntrusted = (now: Date): Date => new Date(now.getTime() - trustedMs);

/** Whether a link is new enough to download and to erase everything. */
export const isTrusted = ({ madeAt }: Pick<PreferenceLink, "madeAt">, now: Date): boolean =>
  now.getTime() < madeAt.getTime() + trustedMs;
