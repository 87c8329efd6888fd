/** The most endpoints of an installation: each has a request of its own in flight. */
export const maxEndpoints = 50;

/** For how many days an event that an endpoint does not accept is sent again. */
export const eventRetryDays = 3;

/** After how many days without a success an endpoint is switched off. */
export const endpointFailingDays = 5;

/** For how many hours the secret before a rotation signs too. */
export const secretOverlapHours = 24;

/** The requests of an endpoint that are kept: the newest ones, and for some days. */
export const keptAttempts = 1_000;
export const keptAttemptDays = 30;

/** The most events that one replay sends, and the longest span that it looks at, in days. */
export const maxReplayedEvents = 10_000;
export const maxReplayDays = 31;

/** How many characters of an answer are kept. */
export const keptAnswerCharacters = 500;

/** Why Tidings has switched an endpoint off: it answered 410, or it has not accepted anything for days. */
export const disabledReasons = ["gone", "failing"] as const;
export type DisabledReason = (typeof disabledReasons)[number];

/**
 * What may come of a request with events. `refused`: the receiver does not accept these events. `unavailable`: it accepts nothing now, or cannot be
 * reached. `gone`: it answered 410, and wants no events any more.
 */
export const attemptOutcomes = ["taken", "refused", "unavailable", "gone"] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];
