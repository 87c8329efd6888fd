import { base32, createCompactTokens } from "./compact-tokens.ts";
import { formatUuid, writeUuid } from "./ids.ts";
import type { ActionTarget } from "./tokens.ts";

/** What the recipient of a mail to one of our return addresses does with it: it is a report about the message, or it unsubscribes. */
type ReturnKind = "bounce" | "unsubscribe";

/** A return address that was recognised. */
export interface Returned {
  kind: ReturnKind;
  /** The message that the address belongs to. */
  message: ActionTarget;
}

/**
 * Makes and recognises the addresses of single messages (variable envelope return paths). A server that cannot deliver a message returns it to its
 * own address, so that the message is known whatever the returned mail contains. Nobody else can make such an address.
 */
export interface ReturnAddresses {
  /** The address to which a message is returned, or by which its recipient unsubscribes. */
  of(kind: ReturnKind, message: ActionTarget): string;
  /** Recognises an address in any case; null for any other address. */
  read(address: string): Returned | null;
}

const letters = { bounce: "b", unsubscribe: "u" } as const satisfies Record<ReturnKind, string>;
const isGroup = 1;
/** One byte of flags, and a UUID. With a MAC of 80 bits, the part before the @ has 47 of the 64 characters that are allowed. */
const contentBytes = 17;

/**
 * @param secrets the secrets for `createCompactTokens`
 * @param domain the domain whose mail we receive
 */
export function createReturnAddresses(secrets: readonly string[], domain: string): ReturnAddresses {
  const tokens = {
    bounce: createCompactTokens(secrets, "bounce", base32),
    unsubscribe: createCompactTokens(secrets, "unsubscribe by mail", base32),
  };
  const ending = `@${domain.toLowerCase()}`;
  const content = Buffer.alloc(contentBytes);
  return {
    of(kind, message) {
      const [flags, id] = "group" in message ? [isGroup, message.group] : [0, message.delivery];
      content[0] = flags;
      writeUuid(content, id, 1);
      return `${letters[kind]}+${tokens[kind].sign(content)}${ending}`;
    },
    read(address) {
      const lower = address.toLowerCase();
      const [, letter, token] = /^([bu])\+([a-z2-7]{1,62})@/.exec(lower) ?? [];
      if (token === undefined || !lower.endsWith(ending)) return null;
      const kind = letter === letters.bounce ? "bounce" : "unsubscribe";
      const verified = tokens[kind].verify(token);
      if (verified?.length !== contentBytes) return null;
      const id = formatUuid(verified.subarray(1));
      return { kind, message: verified[0]! & isGroup ? { group: id } : { delivery: id } };
    },
  };
}
