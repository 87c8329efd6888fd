// The words of consent, and what follows from them. The console has them too.

/** Whether a subscription holds at once, or after its recipient has confirmed it by a link that was sent to them. */
export const optIns = ["single", "double"] as const;

export const subscriptionStatuses = ["pending", "subscribed", "unsubscribed"] as const;
export type SubscriptionStatus = (typeof subscriptionStatuses)[number];

/** The steps of consent. `requested`: a message that asks for confirmation was sent. `subscribed`: at once, without a confirmation. */
export const consentSteps = [
  "requested",
  "confirmed",
  "subscribed",
  "imported",
  "unsubscribed",
] as const;
export type ConsentStep = (typeof consentSteps)[number];

/** By what a subscription was changed: the sign-up form, a key, an import, the recipient's own link or token, or the console. */
export const consentWays = ["form", "api", "import", "recipient", "operator"] as const;
export type ConsentWay = (typeof consentWays)[number];

/** The version of the texts of the form, of the page to confirm and of the topics in the preference centre. It changes with them, as a test demands, so that consent names what was shown. */
export const consentTextVersion = "1";

/** A subscription as far as changes of it depend on it; null if there is none. */
export interface CurrentSubscription {
  status: SubscriptionStatus;
  /** By what they unsubscribed; null if they did not, or were subscribed again since. A request for a confirmation does not change it. */
  leftBy: ConsentWay | null;
  requestedAt: Date | null;
}

/**
 * Decides what a request to subscribe somebody does. Who unsubscribed by themselves is subscribed again by themselves only, so that they are
 * asked for confirmation even if the topic needs none.
 */
export function planSubscribing(
  current: CurrentSubscription | null,
  { isConfirmed, way }: { isConfirmed: boolean; way: ConsentWay },
): "none" | "subscribe" | "request" {
  if (current?.status === "subscribed") return "none";
  const hasLeft = current?.leftBy === "recipient";
  if (!isConfirmed || (hasLeft && way !== "recipient")) return "request";
  return "subscribe";
}

/** Decides whether an imported consent counts: not against somebody who has unsubscribed, in whichever way. */
export const isImportable = (current: CurrentSubscription | null): boolean =>
  current === null || (current.status === "pending" && current.leftBy === null);

/**
 * Decides what a link to confirm does that was made at `madeAt`: `confirm` subscribes, `done` was confirmed before, and `void` does nothing, because the
 * recipient has unsubscribed since, or their request was given up.
 */
export function planConfirming(
  current: CurrentSubscription | null,
  madeAt: Date,
): "confirm" | "done" | "void" {
  if (current === null || current.status === "unsubscribed") return "void";
  if (current.status === "subscribed") return "done";
  return current.requestedAt !== null && madeAt >= current.requestedAt ? "confirm" : "void";
}
