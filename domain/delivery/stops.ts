/**
 * How long after what it is owed to was looked at a message may begin, in milliseconds: workers look again after that. A pause, a
 * cancellation or an edit is acknowledged so long after it is committed, and nothing that it stops begins from then on.
 */
export const beginsWithinMs = 500;
