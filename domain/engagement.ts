import { isbot } from "isbot";

/** A request that follows a link in a message. */
export interface LinkRequest {
  method: string;
  userAgent: string | null;
  /** The values of the headers `Sec-Purpose`, `Purpose`, `X-Purpose` and `X-Moz` that were sent. */
  purposes: readonly string[];
  /** The time since the hand-over of the message; null where that is not known. */
  sinceSentMs: number | null;
}

/** No person follows a link so soon after the hand-over of its message; filters of mail servers do. */
const personMs = 2_000;

/** Mail filters that follow links and that `isbot` does not know. */
const scanners =
  /safelinks|proofpoint|mimecast|barracuda|fireeye|trendmicro|symantec|ironport|forcepoint|sophos|checkpoint|zscaler|google-safety|urldefense/i;

/**
 * Whether a machine, rather than a person, followed the link. The signs are: the browser says that it prefetches (`Sec-Purpose`,
 * https://wicg.github.io/nav-speculation/prefetch.html), the method is HEAD, the user agent is missing, a bare `Mozilla/5.0` (Apple's
 * mail proxy), or a known robot or filter, or less than two seconds have passed since the hand-over.
 */
export function isAutomated({ method, userAgent, purposes, sinceSentMs }: LinkRequest): boolean {
  if (method === "HEAD" || purposes.some((purpose) => /prefetch|prerender|preview/i.test(purpose)))
    return true;
  const agent = userAgent?.trim() ?? "";
  if (agent === "" || agent === "Mozilla/5.0" || scanners.test(agent) || isbot(agent)) return true;
  return sinceSentMs !== null && sinceSentMs < personMs;
}
