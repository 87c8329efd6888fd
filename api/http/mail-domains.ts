import { type EmailIdentity, isAllowedIdentity } from "../../domain/email-identity.ts";
import { invalid } from "./problem.ts";

/** Throws the problem of an identity whose mails would be from a domain that is not the installation's. `field`: where it is given. */
export function refuseForeignSender(
  identity: EmailIdentity,
  { mailDomains }: { mailDomains: readonly string[] },
  field: string,
): void {
  if (isAllowedIdentity(identity, mailDomains)) return;
  throw invalid([
    {
      in: "body",
      field: `${field}/fromAddress`,
      message: `must be at ${mailDomains.join(" or ")}: other domains are allowed by MAIL_FROM_DOMAINS`,
    },
  ]);
}
