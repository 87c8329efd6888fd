import { createHash } from "node:crypto";
import { z } from "zod";
import { addressKey } from "./address.ts";
import type { Channel } from "./channel.ts";
import { emailAddress, phoneNumber } from "./recipient.ts";
import { text } from "./text.ts";

/** Why an address is suppressed: an operator added it, an import contained it, or its owner or its mail server caused it. */
export const suppressionReasons = [
  "manual",
  "imported",
  "unsubscribed",
  "bounced",
  "complained",
] as const;

export type SuppressionReason = (typeof suppressionReasons)[number];

/** Channels that have addresses to suppress. */
export const suppressedChannels = ["email", "sms"] as const;
export type SuppressedChannel = (typeof suppressedChannels)[number];

/**
 * The form in which suppressions of an address are stored and found, the same for all spellings: the `addressKey` of an email address, or
 * a telephone number in E.164 form. An error message where the text is not an address.
 */
export function suppressedAddress(
  channel: SuppressedChannel,
  address: string,
): { kind: "address"; address: string } | { kind: "none"; message: string } {
  const checked = (channel === "email" ? emailAddress : phoneNumber).safeParse(address);
  if (!checked.success) return { kind: "none", message: checked.error.issues[0]!.message };
  return { kind: "address", address: channel === "email" ? addressKey(address)! : address };
}

/** Why messages to a recipient on a channel are suppressed, where only the recipient's email address is looked up; null where they are not. */
export const suppressionOn = (
  channel: Channel,
  { suppression }: { suppression: SuppressionReason | null },
): SuppressionReason | null => (channel === "email" ? suppression : null);

/** The key by which the suppression of a recipient's address is found; null where the channel has no suppressions. */
export function suppressionKey(channel: Channel, address: string): string | null {
  switch (channel) {
    case "email":
      return addressKey(address);
    case "sms":
      return address;
    case "push":
    case "in_app":
    case "webhook":
      return null;
  }
}

/**
 * The hash that replaces a suppressed address once its owner has been erased: the address stays suppressed, and nobody can read it.
 */
export const hashedAddress = (address: string): string =>
  `sha256:${createHash("sha256").update(address).digest("hex")}`;

function normalise<Suppression extends { channel: SuppressedChannel; address: string }>(
  suppression: Suppression,
  context: z.RefinementCtx,
): Suppression {
  const normal = suppressedAddress(suppression.channel, suppression.address);
  if (normal.kind === "address") return { ...suppression, address: normal.address };
  context.addIssue({ code: "custom", path: ["address"], message: normal.message });
  return z.NEVER;
}

const channel = z.enum(suppressedChannels);
const reason = z.enum(suppressionReasons);
const rest = { address: text(254), note: text(1_000).nullable().default(null) };

/** A suppression in a request; its address is converted by `suppressedAddress`. */
export const newSuppression = z
  .strictObject({ channel, reason: reason.default("manual"), ...rest })
  .transform(normalise);

export type NewSuppression = z.output<typeof newSuppression>;

/** A suppression in a line of an import; its address is converted by `suppressedAddress`. */
export const importedSuppression = z
  .strictObject({ channel: channel.default("email"), reason: reason.default("imported"), ...rest })
  .transform(normalise);
