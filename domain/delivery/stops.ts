/** How long after its source was read a message may begin, in milliseconds. After that, workers read the source again. */
export const beginsWithinMs = 400;

/**
 * How long after its commit a pause, a cancellation or an edit is acknowledged, in milliseconds. This is longer than `beginsWithinMs` because
 * a message is written at the end of the turn of the event loop, after all messages that begin in the same turn are composed.
 */
export const acknowledgedAfterMs = 500;
