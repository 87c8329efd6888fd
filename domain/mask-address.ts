const hidden = "•••";

/** A mailbox within a text. Its length is bounded, so that long texts without one cost little. */
const mailbox = /[^\s@<>"'(),;:]{1,64}@[^\s@<>"'(),;:]{1,255}/gu;
/** A phone number in its international form, with or without separators. */
const phoneNumber = /\+\d[\d ()/.-]{5,20}\d/g;

const maskMailbox = (address: string): string => {
  const at = address.lastIndexOf("@");
  const [first] = address;
  // A local part of one letter would be shown in full.
  return `${at > 1 ? first : ""}${hidden}${address.slice(at)}`;
};

const maskPhoneNumber = (number: string): string =>
  `${number.slice(0, 3)}${hidden}${number.slice(-2)}`;

/**
 * Masks every email address and every international phone number in a text: `ada@example.org` becomes `a•••@example.org`, and
 * `+4915112345678` becomes `+49•••78`. What remains lets people tell two addresses of one person apart, but nobody can send to it.
 */
export const maskAddresses = (text: string): string =>
  text.replace(mailbox, maskMailbox).replace(phoneNumber, maskPhoneNumber);

/** Masks the addresses in every text of a JSON value. Names of fields stay as they are. */
export function maskAddressesIn<Value>(value: Value): Value {
  if (typeof value === "string") return maskAddresses(value) as Value;
  if (Array.isArray(value)) return value.map(maskAddressesIn) as Value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, maskAddressesIn(part)]),
  ) as Value;
}
