import { isbot } from "isbot";

/** A request that a link in a message made. */
export interface LinkRequest {
  method: string;
  userAgent: string | null;
  /** The values of `Sec-Purpose`, `Purpose`, `X-Purpose` and `X-Moz`, of those that were sent. */
  purposes: readonly string[];
  /** Since the message was handed over; null where that is not known. */
  sinceSentMs: number | null;
}

/** No person opens a message and follows its link as soon as this: filters of mail servers do. */
const personMs = 2_000;

/** Mail filters that follow links under names that no list of robots has. */
const scanners =
  /safelinks|proofpoint|mimecast|barracuda|fireeye|trendmicro|symantec|ironport|forcepoint|sophos|checkpoint|zscaler|google-safety|urldefense/i;

/**
 * Did a machine follow the link, rather than a person? It did where the browser says that it only looks ahead (`Sec-Purpose`,
 * https://wicg.github.io/nav-speculation/prefetch.html), for HEAD, without a user agent or with a bare `Mozilla/5.0` (Apple's mail
 * proxy), for known robots and filters, and within two seconds of the hand-over.
 */
export function isAutomated({ method, userAgent, purposes, sinceSentMs }: LinkRequest): boolean {
  if (method === "HEAD" || purposes.some((purpose) => /prefetch|prerender|preview/i.test(purpose)))
    return true;
  const agent = userAgent?.trim() ?? "";
  if (agent === "" || agent === "Mozilla/5.0" || scanners.test(agent) || isbot(agent)) return true;
  return sinceSentMs !== null && sinceSentMs < personMs;
}
