import { createCompactTokens } from "../compact-tokens.ts";
import { formatUuid, writeUuid } from "../ids.ts";
import type { ActionTarget } from "../tokens.ts";

/** What the address with a token does: it reports that the message was opened, or leads to one of its links. */
export const messagePurposes = ["open", "click"] as const;
type MessagePurpose = (typeof messagePurposes)[number];

/** A link of messages. It is signed, so that no address leads anywhere else. */
export interface SignedLink {
  /** The number by which hits on the link are counted (`numberLink`); 0 for the link that no person sees. */
  number: number;
  /** The UUID of the campaign, or else of the notification type, by which the link can be switched off; null for neither. */
  switchId: string | null;
  /** Where it leads; empty for the link that no person sees. */
  url: string;
}

/** Signs and verifies what the addresses in messages consist of. They contain ids and addresses of links only, and do not expire. */
export interface TrackingTokens {
  signMessage(purpose: MessagePurpose, message: ActionTarget): string;
  /** Null for a text that is not such a token. */
  verifyMessage(purpose: MessagePurpose, token: string): ActionTarget | null;
  signLink(link: SignedLink): string;
  /** Null for a text that is not a signed link. */
  verifyLink(token: string): SignedLink | null;
}

/** The flags in the first byte. */
const isGroup = 1;
const hasSwitch = 1;
const idBytes = 16;
const numberBytes = 4;

/** @param secrets the secrets for `createCompactTokens` */
export function createTrackingTokens(secrets: readonly string[]): TrackingTokens {
  const messages = {
    open: createCompactTokens(secrets, "open"),
    click: createCompactTokens(secrets, "click"),
  };
  const links = createCompactTokens(secrets, "link");
  const content = Buffer.alloc(1 + idBytes);
  return {
    signMessage(purpose, message) {
      const [id, flags] = "group" in message ? [message.group, isGroup] : [message.delivery, 0];
      content[0] = flags;
      writeUuid(content, id, 1);
      return messages[purpose].sign(content);
    },
    verifyMessage(purpose, token) {
      const verified = messages[purpose].verify(token);
      if (verified === null) return null;
      const id = formatUuid(verified.subarray(1));
      return verified[0]! & isGroup ? { group: id } : { delivery: id };
    },
    signLink({ number, switchId, url }) {
      const idAt = 1 + numberBytes;
      const urlAt = idAt + (switchId === null ? 0 : idBytes);
      const link = Buffer.allocUnsafe(urlAt + Buffer.byteLength(url));
      link[0] = switchId === null ? 0 : hasSwitch;
      link.writeUInt32BE(number, 1);
      if (switchId !== null) writeUuid(link, switchId, idAt);
      link.write(url, urlAt);
      return links.sign(link);
    },
    verifyLink(token) {
      const link = links.verify(token);
      if (link === null) return null;
      const isSwitched = (link[0]! & hasSwitch) !== 0;
      const idAt = 1 + numberBytes;
      const urlAt = idAt + (isSwitched ? idBytes : 0);
      return {
        number: link.readUInt32BE(1),
        switchId: isSwitched ? formatUuid(link.subarray(idAt, urlAt)) : null,
        url: link.toString("utf8", urlAt),
      };
    },
  };
}
