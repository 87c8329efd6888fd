/** How long after what it is owed to was looked at a message may begin, in milliseconds: workers look again after that. */
export const beginsWithinMs = 400;

/**
 * How long after it is committed a pause, a cancellation or an edit is acknowledged, in milliseconds. The difference is for a message that
 * has just begun: it is written at the end of the event loop's turn, once others that begin in the same turn are composed.
 */
export const acknowledgedAfterMs = 500;
