import { z } from "zod";
import { addressKey } from "./address.ts";
import { asciiEmailAddress } from "./recipient.ts";

/** The most addresses that receive copies of one email. */
const maxCopies = 20;

export const copyKinds = ["cc", "bcc"] as const;
export type CopyKind = (typeof copyKinds)[number];

/**
 * What became of a copy. `pending`: the email was not sent yet. `refused`: the provider took the email, but not for this address.
 * `unknown`: the provider was given the email, and did not answer.
 */
export const copyStatuses = ["pending", "sent", "refused", "suppressed", "unknown"] as const;
export type CopyStatus = (typeof copyStatuses)[number];

const addresses = z
  .array(asciiEmailAddress)
  .max(maxCopies, `must have at most ${maxCopies} addresses`);

export const cc = addresses.meta({
  description: `Addresses that receive a copy of the email and are shown in it; at most ${maxCopies} together with \`bcc\`, and only for one recipient`,
  example: ["team@example.org"],
});
export const bcc = addresses.meta({
  description: "Addresses that receive a copy of the email and are not shown in it",
  example: ["archive@example.org"],
});

/** Lists what is wrong with the copies of a notification. */
export function findCopyFaults(
  copies: Partial<Record<CopyKind, readonly string[] | undefined>>,
  recipients: number,
): { path: (string | number)[]; message: string }[] {
  const given = copyKinds.flatMap((kind) =>
    (copies[kind] ?? []).map((address, index) => ({ path: [kind, index], address })),
  );
  if (given.length === 0) return [];
  const [first] = given as [(typeof given)[number]];
  const field = [first.path[0]!];
  if (recipients !== 1)
    return [{ path: field, message: "is possible for a notification to one recipient only" }];
  if (given.length > maxCopies)
    return [
      { path: field, message: `must have at most ${maxCopies} addresses, cc and bcc together` },
    ];
  const seen = new Set<string | null>();
  return given.flatMap(({ path, address }) => {
    const key = addressKey(address);
    if (!seen.has(key)) return seen.add(key) && [];
    return [{ path, message: "is the same as an earlier address" }];
  });
}
