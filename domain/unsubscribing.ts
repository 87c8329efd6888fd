import { createCompactTokens } from "./compact-tokens.ts";
import { formatUuid, writeUuid } from "./ids.ts";
import type { Priority } from "./priority.ts";
import { hourMs } from "./time/durations.ts";
import type { ActionTarget } from "./tokens.ts";

/** What the recipient of an email can unsubscribe from: a topic, one notification type by email, or, with both null, all email that can be switched off. */
export interface Unsubscription {
  recipientId: string;
  typeId: string | null;
  topicId: string | null;
  /** The message that contains the link. */
  message: ActionTarget;
}

/** How long after it an unsubscription can be undone by the links in emails, which others get to see too when emails are passed on. */
export const undoMs = 24 * hourMs;

/** The mailing list that an email belongs to (RFC 2919), from which its recipient can unsubscribe. */
export interface MailingList {
  /** The key of the topic or type, or what the list consists of: the first part of its List-Id. */
  name: string;
  typeId: string | null;
  topicId: string | null;
}

interface ListedMessage {
  type: { id: string; key: string; mandatory: boolean } | null;
  /** The topic of its campaign. */
  topic: { id: string; key: string } | null;
  isOfCampaign: boolean;
  group: "batch" | "digest" | null;
  priority: Priority;
}

/**
 * Finds the list that an email belongs to; null for one that comes whatever its recipient has switched off: of a mandatory type, critical, or
 * a single message without a type.
 */
export function findMailingList(message: ListedMessage): MailingList | null {
  const { type, topic, isOfCampaign, group, priority } = message;
  if (priority === "critical" || (type?.mandatory ?? false)) return null;
  if (group === "digest") return { name: "digests", typeId: null, topicId: null };
  if (topic !== null && group === null) return { name: topic.key, typeId: null, topicId: topic.id };
  if (type !== null) return { name: type.key, typeId: type.id, topicId: null };
  return isOfCampaign ? { name: "campaigns", typeId: null, topicId: null } : null;
}

/** Signs and verifies the tokens in links to unsubscribe. They do not expire, and contain ids only. */
export interface UnsubscribeTokens {
  sign(unsubscription: Unsubscription): string;
  /** Null for a text that is not such a token. */
  verify(token: string): Unsubscription | null;
}

/** The flags in the first byte; the recipient, the message and the type or the topic, each of 16 bytes, follow. */
const hasType = 1;
const isGroup = 2;
const hasTopic = 4;
const idBytes = 16;

/** @param secrets the secrets for `createCompactTokens` */
export function createUnsubscribeTokens(secrets: readonly string[]): UnsubscribeTokens {
  const tokens = createCompactTokens(secrets, "unsubscribe");
  return {
    sign({ recipientId, typeId, topicId, message }) {
      const [id, group] = "group" in message ? [message.group, isGroup] : [message.delivery, 0];
      const scope = topicId ?? typeId;
      const content = Buffer.allocUnsafe(1 + (scope === null ? 2 : 3) * idBytes);
      content[0] = (topicId !== null ? hasTopic : typeId !== null ? hasType : 0) | group;
      writeUuid(content, recipientId, 1);
      writeUuid(content, id, 1 + idBytes);
      if (scope !== null) writeUuid(content, scope, 1 + 2 * idBytes);
      return tokens.sign(content);
    },
    verify(token) {
      const content = tokens.verify(token);
      if (content === null) return null;
      const flags = content[0]!;
      const idAt = (place: number) =>
        formatUuid(content.subarray(1 + place * idBytes, 1 + (place + 1) * idBytes));
      const id = idAt(1);
      return {
        recipientId: idAt(0),
        message: flags & isGroup ? { group: id } : { delivery: id },
        typeId: flags & hasType ? idAt(2) : null,
        topicId: flags & hasTopic ? idAt(2) : null,
      };
    },
  };
}
