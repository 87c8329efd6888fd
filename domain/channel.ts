/** Ways to reach people. Messages go out by email so far. */
export const channels = ["email", "push", "in_app", "sms", "webhook"] as const;
export type Channel = (typeof channels)[number];

/** What of a recipient may be an address. */
export interface Addresses {
  email: string | null;
  /** In E.164. */
  phone: string | null;
}

/** Where a recipient is reached on a channel; null where they are not. Whether it takes messages is for the channel to say. */
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
