import type { SmtpProvider } from "../../../config/smtp.ts";
import { parsePublicId } from "../../../domain/ids.ts";
import { postmarkHeader } from "../../../domain/provider-events/postmark.ts";
import type { ReturnAddresses } from "../../../domain/return-addresses.ts";
import type { SendRequest } from "../channel.ts";
import type { Message } from "./smtp-job.ts";

/** Makes the address to which a message is returned if it cannot be delivered. */
export type ReturnPath = (messageId: SendRequest["messageId"]) => string;

/** @param addresses the addresses of single messages at `BOUNCE_DOMAIN` */
export const createReturnPath =
  (addresses: ReturnAddresses): ReturnPath =>
  (messageId) => {
    const delivery = parsePublicId("delivery", messageId);
    return addresses.of(
      "bounce",
      delivery === null ? { group: parsePublicId("group", messageId)! } : { delivery },
    );
  };

/** Whether messages go to Postmark, which gives them another Message-ID and reports ours only from a header of its own. */
export const usesPostmark = (providers: readonly Pick<SmtpProvider, "host">[]): boolean =>
  providers.some(({ host }) => /\.(?:postmarkapp\.com|mtasv\.net)$/i.test(host));

/** Adds the id of a message for the reports of Postmark. */
export const addPostmarkId = (
  message: Message,
  { messageId }: Pick<SendRequest, "messageId">,
): Message => ({ ...message, headers: `${postmarkHeader}: ${messageId}\r\n${message.headers}` });

/** Lets a message be returned to its own address. */
export const addReturnPath = (
  message: Message,
  { messageId }: Pick<SendRequest, "messageId">,
  returnPath: ReturnPath,
): Message => ({ ...message, from: returnPath(messageId) });
