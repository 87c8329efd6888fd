/**
 * How long a server may take, by phase (RFC 5321, 4.5.3.2). Each counts from the reply before it, or from what was written last: a
 * mail has no deadline of its own beside them.
 */
export interface Deadlines {
  /**
   * For one step until a mail's final dot: to be reached, its greeting, each step of TLS and signing in, the reply to each command, each
   * block of a content. Shorter than the standard has it, for whoever fails here has got nothing, and another try costs little.
   */
  stepMs: number;
  /** From the final dot to its reply. The standard's ten minutes: whoever does not wait for it sends the mail again. */
  answerMs: number;
  /** How long an envelope waits behind a content that has no reply, before its mail goes elsewhere. */
  rideMs: number;
}
