/** What a gate says of a message that could leave: it may, it has to wait for a slot, or there is none for it soon. */
export type GateAnswer = "open" | "waits" | "closed";

/**
 * One message's way through a gate. While it comes, slots are asked for on its behalf; it uses one at the instant at which it is
 * written to a connection, and not before: a slot that is used up while its message still waits says nothing of when that leaves.
 */
export interface Passage {
  /** To be asked when a connection is free. Where it says `waits`, `retry` is called once it may say something else. */
  ask(retry: () => void): GateAnswer;
  /** Uses a slot, of which the gate has just said that it is there. The message leaves. */
  pass(): void;
  /** The message was answered, or will not leave. May be called more than once. */
  end(): void;
}

/** Asks the gates before a message in their order: none is asked for a slot while another has none. */
export function askAll(
  passages: readonly Passage[],
  begin: (retry: () => void) => GateAnswer,
  retry: () => void,
): GateAnswer {
  for (const passage of passages) {
    const answer = passage.ask(retry);
    if (answer !== "open") return answer;
  }
  const answer = begin(retry);
  if (answer !== "open") return answer;
  for (const passage of passages) passage.pass();
  return "open";
}

/** For channels without connections of their own: resolves when the message may leave; false: there is no slot for it soon. */
export function passAll({
  passages = [],
  begin,
}: {
  passages?: readonly Passage[];
  begin: (retry: () => void) => GateAnswer;
}): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = () => {
      const answer = askAll(passages, begin, ask);
      if (answer !== "waits") resolve(answer === "open");
    };
    ask();
  });
}
