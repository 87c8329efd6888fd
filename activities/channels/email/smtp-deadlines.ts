/**
 * How long a server may take, by phase (RFC 5321, 4.5.3.2). Each time counts from the previous reply or the latest write. A mail
 * has no deadline of its own.
 */
export interface Deadlines {
  /**
   * The time for one step until a mail's final dot: the connection, the greeting, each step of TLS and signing in, the reply to
   * each command, each block of a content. It is shorter than in the standard, since a mail that fails here was not received,
   * and another attempt costs little.
   */
  stepMs: number;
  /** The time from the final dot to its reply: the standard's ten minutes, since a client that stops waiting sends the mail again. */
  answerMs: number;
  /** How long an envelope waits behind a content without a reply before its mail goes elsewhere. */
  rideMs: number;
}
