import { pushProviders } from "../domain/push-providers.ts";
import { ConfigurationError, type Environment } from "./environment.ts";
import type { Provider, WebPushProvider } from "./providers.ts";
import type { SmtpProvider } from "./smtp.ts";

type Settings = Partial<Environment<"SMTP_URL" | "PROVIDERS">>;

/**
 * The providers that `SMTP_URL` and `PROVIDERS` name together. Throws a `ConfigurationError` if both name SMTP servers, whose order would
 * then be unclear.
 */
export function combineProviders({ SMTP_URL: servers = [], PROVIDERS: list = [] }: Settings): {
  smtp: SmtpProvider[];
  webPush: WebPushProvider[];
} {
  const all: readonly Provider[] = [...servers, ...list];
  if (servers.length > 0 && list.some(({ kind }) => kind === "smtp"))
    throw new ConfigurationError([
      "SMTP_URL and PROVIDERS both name SMTP servers: name all of them in one of the two",
    ]);
  return {
    smtp: all.filter((provider) => provider.kind === "smtp"),
    webPush: all.filter((provider) => provider.kind === "web-push"),
  };
}

/**
 * The providers of a worker: the configured SMTP servers in order of preference, and every push service if the worker sends push notifications.
 * Throws a `ConfigurationError` where that is impossible.
 */
export function readProviders(
  settings: Settings,
  { sendsPush }: { sendsPush: boolean },
): { smtp: SmtpProvider[]; webPush: WebPushProvider[] } {
  const { smtp, webPush } = combineProviders(settings);
  if (smtp.length === 0)
    throw new ConfigurationError(["SMTP_URL is not set, and PROVIDERS names no SMTP server"]);
  if (webPush.length > 0 && !sendsPush)
    throw new ConfigurationError([
      "VAPID_PRIVATE_KEY is not set: the entries of the kind web-push in PROVIDERS require it",
    ]);
  const services = pushProviders.map(
    (name) =>
      webPush.find((provider) => provider.name === name) ??
      ({ kind: "web-push", name, limits: null } as const),
  );
  return { smtp, webPush: sendsPush ? services : [] };
}
