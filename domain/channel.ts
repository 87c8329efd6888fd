/** The channels by which recipients are reached. Only `email` is implemented so far. */
export const channels = ["email", "push", "in_app", "sms", "webhook"] as const;
export type Channel = (typeof channels)[number];

/** The parts of a recipient that may be an address. */
export interface Addresses {
  email: string | null;
  /** A telephone number in E.164 form. */
  phone: string | null;
}

/** The address of a recipient on a channel; null where they have none. The channel itself decides whether the address accepts messages. */
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
