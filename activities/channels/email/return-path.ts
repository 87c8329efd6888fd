import { parsePublicId } from "../../../domain/ids.ts";
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

export const addReturnPath = (
  message: Message,
  { messageId }: Pick<SendRequest, "messageId">,
  returnPath: ReturnPath,
): Message => ({ ...message, from: returnPath(messageId) });
