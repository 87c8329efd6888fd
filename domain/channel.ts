/** The channels by which recipients are reached. Email, push and in_app are implemented so far. */
export const channels = ["email", "push", "in_app", "sms", "webhook"] as const;
export type Channel = (typeof channels)[number];

/** The channels on which a recipient is reached only if they have an address. Everybody has an inbox, the channel `in_app`. */
export const addressedChannels = ["email", "push", "sms", "webhook"] as const satisfies Channel[];
export type AddressedChannel = (typeof addressedChannels)[number];

/** The parts of a recipient that may be an address. */
export interface Addresses {
  email: string | null;
  /** A telephone number in E.164 form. */
  phone: string | null;
}

/** Whether a recipient has an address on a channel. Everybody has an inbox. */
export function isReachable(
  channel: Channel,
  recipient: Addresses & { addressChannels: readonly Channel[] },
): boolean {
  switch (channel) {
    case "email":
    case "sms":
      return addressOf(channel, recipient) !== null;
    case "in_app":
      return true;
    case "push":
    case "webhook":
      return recipient.addressChannels.includes(channel);
  }
}

/**
 * The address of a recipient on a channel on which they have at most one; null where they have none, and on the other channels. The
 * channel itself decides whether the address accepts messages.
 */
export function addressOf(channel: Channel, { email, phone }: Addresses): string | null {
  switch (channel) {
    case "email":
      return email;
    case "sms":
      return phone;
    case "push":
    case "in_app":
    case "webhook":
      return null;
  }
}

/** The channels on which a recipient has an address. `registered` are those on which they have addresses besides email and phone. */
export const channelsOf = (
  addresses: Addresses,
  registered: readonly Channel[],
): AddressedChannel[] =>
  addressedChannels.filter(
    (channel) => addressOf(channel, addresses) !== null || registered.includes(channel),
  );
