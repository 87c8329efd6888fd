/**
 * The providers of push messages: the push services of the browsers' makers by their hosts, and all others together. Their names contain a
 * slash, which no name of a configured provider does.
 */
const services = {
  "push/fcm": ["fcm.googleapis.com", "android.googleapis.com", "jmt17.google.com"],
  "push/mozilla": ["push.services.mozilla.com"],
  "push/apple": ["push.apple.com"],
  "push/wns": ["notify.windows.com"],
} as const satisfies Record<string, readonly string[]>;

export type PushProvider = keyof typeof services | "push/other";

export const pushProviders: readonly PushProvider[] = [
  ...(Object.keys(services) as (keyof typeof services)[]),
  "push/other",
];

/** The provider of a subscription, by the host of its endpoint, which may be a host within the service's domain. */
export function pushProviderOf(host: string): PushProvider {
  for (const [provider, hosts] of Object.entries(services))
    if (hosts.some((known) => host === known || host.endsWith(`.${known}`)))
      return provider as PushProvider;
  return "push/other";
}
