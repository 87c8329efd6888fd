import { type EmailIdentity, isAllowedIdentity } from "../../domain/email-identity.ts";
import { invalid } from "./problem.ts";

/**
 * Throws a problem if a sender's address is not at a domain of the installation.
 * @param field the JSON pointer of the identity in the body
 */
export function refuseForeignSender(
  identity: EmailIdentity | undefined,
  { mailDomains }: { mailDomains: readonly string[] },
  field: string,
): void {
  if (identity === undefined || isAllowedIdentity(identity, mailDomains)) return;
  throw invalid([
    {
      in: "body",
      field: `${field}/fromAddress`,
      message: `must be at ${mailDomains.join(" or ")}: MAIL_FROM_DOMAINS allows further domains`,
    },
  ]);
}
