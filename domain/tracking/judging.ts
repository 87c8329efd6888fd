import { isbot } from "isbot";

/** Why a request was made by a program, as far as the request itself shows it. */
export type Suspicion = "head" | "program" | "hidden_link";

/** A request for the image or a link of a message. */
export interface Hit {
  kind: "open" | "click";
  /** The number of the link; null for an open. */
  link: number | null;
  atMs: number;
  suspicion: Suspicion | null;
}

/** The number of the link that no person sees. */
export const hiddenLink = 0;

/** The mail service of Google loads images for a person who looks at the message. */
const readersProxy = /GoogleImageProxy/;
/** The mail service of Apple loads images when a message arrives, whether it is read or not. */
const prefetchingProxy = /^\s*Mozilla\/5\.0\s*$/;

/** Finds what shows that a program made a request; null if nothing does. */
export function findSuspicion(request: {
  method: string;
  userAgent: string | undefined;
  link: number | null;
}): Suspicion | null {
  const { method, userAgent = "", link } = request;
  if (link === hiddenLink) return "hidden_link";
  if (method === "HEAD") return "head";
  if (readersProxy.test(userAgent)) return null;
  const isProgram = userAgent.trim() === "" || prefetchingProxy.test(userAgent) || isbot(userAgent);
  return isProgram ? "program" : null;
}

/** Nobody reads a message this soon after it was handed over. */
const earlyMs = 2_000;
/** Nobody follows several links of a message within this time. */
const severalLinksMs = 3_000;
/** How long before and after a request for the hidden link all requests count as those of a program. */
const hiddenLinkMs = 60_000;

/**
 * Decides for each of the hits of one message whether a person made it.
 * @param handedOverAtMs when the message was handed over, as it is recorded; null if that is not known
 */
export function judgeHits(
  hits: readonly Hit[],
  handedOverAtMs: number | null,
): ("person" | "machine")[] {
  const clicks = hits.filter(({ kind }) => kind === "click");
  const isNearHiddenLink = ({ atMs }: Hit) =>
    clicks.some(({ link, atMs: at }) => link === hiddenLink && Math.abs(at - atMs) <= hiddenLinkMs);
  const isOneOfSeveral = ({ kind, link, atMs }: Hit) =>
    kind === "click" &&
    clicks.some((other) => other.link !== link && Math.abs(other.atMs - atMs) <= severalLinksMs);
  return hits.map((hit) =>
    hit.suspicion !== null ||
    (handedOverAtMs !== null && hit.atMs - handedOverAtMs < earlyMs) ||
    isNearHiddenLink(hit) ||
    isOneOfSeveral(hit)
      ? "machine"
      : "person",
  );
}
