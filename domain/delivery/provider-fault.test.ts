import { expect, it } from "vitest";
import { isProviderFault } from "./provider-fault.ts";

it.each([
  "421 shutting down",
  "421 4.7.0 try again later",
  "421-4.2.0 scripted\n421 4.2.0 bye",
  "432 4.7.12 a password transition is needed",
  "451 later",
  "451 4.3.0 temporary lookup failure",
  "451 4.4.2 timeout",
  "452 insufficient system storage",
  "452 4.3.1 insufficient system storage",
  "450 4.7.1 too many messages from you",
  "454 throttling failure: maximum sending rate exceeded",
])("is the provider's: %s", (response) => {
  expect(isProviderFault("smtp_4xx", response)).toBe(true);
});

it.each([
  "450 mailbox busy",
  "450 4.2.1 the mailbox is busy",
  "452 4.2.2 the mailbox is full",
  "451 4.1.8 the sender's domain has no address",
  "452 4.5.3 too many recipients",
  "450 4.2.0 <ada@example.org>: Recipient address rejected: Greylisted",
  "451 4.7.1 Greylisting in action, please come back in 5 minutes",
  "421 graylisted",
  "499 who knows",
])("is the message's: %s", (response) => {
  expect(isProviderFault("smtp_4xx", response)).toBe(false);
});

it("is the provider's where there was no answer, and not where there was one for good", () => {
  for (const failure of ["connection", "timeout", "auth"] as const)
    expect(isProviderFault(failure, null)).toBe(true);
  for (const failure of ["smtp_5xx", "interrupted", null] as const)
    expect(isProviderFault(failure, "550 4.3.0")).toBe(false);
});
