import { createECDH, randomBytes } from "node:crypto";
import { person } from "./message.ts";

/** The push message and the item of the inbox in benchmarks: as short as such messages are. */
export const shortTemplate = {
  title: "{{ recipient.attributes.first_name }}, your week in {{ recipient.attributes.city }}",
  body: "You have {{ recipient.attributes.points }} points. They count until the end of the season, and what you do not use is carried over.",
  url: "https://example.org/account/{{ recipient.externalId }}",
} as const;

/** The same message for a sender without templates, with the members that Tidings adds. */
export function pushText(n: number): string {
  const { externalId, firstName, city, points } = person(n);
  const url = `https://example.org/account/${externalId}`;
  return JSON.stringify({
    web_push: 8030,
    notification: {
      title: `${firstName}, your week in ${city}`,
      body: `You have ${points} points. They count until the end of the season, and what you do not use is carried over.`,
      navigate: url,
      tag: "0123456789012345678901",
      timestamp: Date.now(),
      actions: [],
      data: {
        type: null,
        count: 1,
        url,
        entityIds: [],
        id: "dlv_01jd3v8qyee7fr8xmcsnh5hbcb",
        receipt: `https://tidings.example.org/r/${"x".repeat(180)}`,
        actions: [],
      },
    },
  });
}

/** The endpoint of a recipient's device at the sink. */
export const pushEndpoint = ({ host, port }: { host: string; port: number }, n: number): string =>
  `https://${host}:${port}/push/device-${String(n).padStart(9, "0")}`;

/** Keys of a subscription. Nobody decrypts, so that all devices may have the same. */
export function subscriptionKeys(): { p256dh: string; auth: string } {
  return {
    p256dh: createECDH("prime256v1").generateKeys("base64url"),
    auth: randomBytes(16).toString("base64url"),
  };
}
