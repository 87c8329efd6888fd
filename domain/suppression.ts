import { createHash } from "node:crypto";
import { z } from "zod";
import { addressKey } from "./address.ts";
import type { Channel } from "./channel.ts";
import { emailAddress, phoneNumber } from "./recipient.ts";
import { text } from "./text.ts";

/** Why an address must not be sent to: somebody said so, it came with a list, or its owner or its server showed it. */
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
 * An address as suppressions are kept and looked up by, whatever its spelling: of `email` as `addressKey` has it, of `sms`
 * in E.164. What it must be, where it is none.
 */
export function suppressedAddress(
  channel: SuppressedChannel,
  address: string,
): { kind: "address"; address: string } | { kind: "none"; message: string } {
  const checked = (channel === "email" ? emailAddress : phoneNumber).safeParse(address);
  if (!checked.success) return { kind: "none", message: checked.error.issues[0]!.message };
  return { kind: "address", address: channel === "email" ? addressKey(address)! : address };
}

/** What suppressions of a channel are looked up by, for an address that a recipient has; null where the channel has none. */
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
 * What stands in the place of a suppressed address once the person who had it has been erased: it goes on being suppressed, and nobody can
 * read it there.
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

/** A suppression as somebody adds it; its address comes out as `suppressedAddress` has it. */
export const newSuppression = z
  .strictObject({ channel, reason: reason.default("manual"), ...rest })
  .transform(normalise);

export type NewSuppression = z.output<typeof newSuppression>;

/** As `newSuppression`, as a line of an import brings it. */
export const importedSuppression = z
  .strictObject({ channel: channel.default("email"), reason: reason.default("imported"), ...rest })
  .transform(normalise);
