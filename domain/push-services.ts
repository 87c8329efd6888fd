/**
 * The hosts of the browsers' push services. `*.` stands for one or more labels. Chrome, Edge, Opera, Brave and Samsung's browser use Google's,
 * and Edge on Windows also Microsoft's.
 */
const knownServices = [
  "fcm.googleapis.com",
  "android.googleapis.com",
  "jmt17.google.com",
  "*.push.services.mozilla.com",
  "*.push.apple.com",
  "*.notify.windows.com",
] as const;

/** Whether a host is that of a push service: a known one, or one of `more`, whose names may begin with `*.` too. */
export const isPushService = (host: string, more: readonly string[]): boolean =>
  [...knownServices, ...more].some((service) =>
    service.startsWith("*.")
      ? host.length > service.length - 1 && host.endsWith(service.slice(1))
      : host === service,
  );
