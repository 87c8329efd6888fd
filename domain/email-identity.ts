import { z } from "zod";
import { parseMailbox } from "./address.ts";
import { asciiEmailAddress } from "./recipient.ts";
import { nameText } from "./text.ts";

/** The sender of a mail and the address for replies. A part that is left out is taken from the next identity in `mergeIdentities`. */
export const emailIdentityParts = {
  fromName: nameText(100).optional().meta({
    description: "The name in the From header",
    example: "Ada of Example",
  }),
  fromAddress: asciiEmailAddress.optional().meta({
    description:
      "The address in the From header, at a configured domain (`MAIL_FROM`, `MAIL_FROM_DOMAINS`)",
    example: "ada@example.org",
  }),
  replyTo: asciiEmailAddress.optional().meta({
    description: "The address to which replies go",
    example: "support@example.org",
  }),
};

export const emailIdentity = z.strictObject(emailIdentityParts);

export type EmailIdentity = z.output<typeof emailIdentity>;

/** Merges identities: each part is from the first identity that has it. Null where no identity has any part. */
export function mergeIdentities(
  ...identities: readonly (EmailIdentity | null | undefined)[]
): EmailIdentity | null {
  const merged: EmailIdentity = {};
  for (const identity of identities) {
    merged.fromName ??= identity?.fromName;
    merged.fromAddress ??= identity?.fromAddress;
    merged.replyTo ??= identity?.replyTo;
  }
  return (merged.fromName ?? merged.fromAddress ?? merged.replyTo) ? merged : null;
}

/** Whether the From address of an identity is at one of the domains that the installation may send from. */
export const isAllowedIdentity = (
  { fromAddress }: EmailIdentity,
  domains: readonly string[],
): boolean => fromAddress === undefined || domains.includes(parseMailbox(fromAddress)!.domain);
