import { z } from "zod";
import { parseMailbox } from "./address.ts";
import { emailAddress } from "./recipient.ts";
import { nameText } from "./text.ts";

const identityAddress = emailAddress.refine(
  (address) => parseMailbox(address)?.smtpUtf8 === false,
  "must be ASCII before the @",
);

/** Whom a mail is from, and where answers to it go. Part by part; what is left out is said by somebody else. */
export const emailIdentityParts = {
  fromName: nameText(100).optional().meta({
    description: "The name in the From header",
    example: "Ada of Example",
  }),
  fromAddress: identityAddress.optional().meta({
    description:
      "The address in the From header, at a domain that is configured (`MAIL_FROM`, `MAIL_FROM_DOMAINS`)",
    example: "ada@example.org",
  }),
  replyTo: identityAddress.optional().meta({
    description: "Where answers go",
    example: "support@example.org",
  }),
};

export const emailIdentity = z.strictObject(emailIdentityParts);

export type EmailIdentity = z.output<typeof emailIdentity>;

/** Of several that say something, each part as the first says it; null where none says anything. */
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

/** Whether an identity keeps to the domains that the installation may send as. */
export const isAllowedIdentity = (
  { fromAddress }: EmailIdentity,
  domains: readonly string[],
): boolean => fromAddress === undefined || domains.includes(parseMailbox(fromAddress)!.domain);
