/** The answer of a gate to a message that could leave: it may leave, it has to wait for a slot, or there is no slot for it soon. */
export type GateAnswer = "open" | "waits" | "closed";

/**
 * One message's way through a gate. Until the message leaves, the gate fetches slots on its behalf. The message uses a slot at
 * the instant at which it is written to a connection, and not before, because a slot that is used while its message still waits
 * would not limit when that message leaves.
 */
export interface Passage {
  /** Asks whether the message may leave, once a connection is free. After `waits`, `retry` is called once the answer may have changed. */
  ask(retry: () => void): GateAnswer;
  /** Uses a slot, and the message leaves. `ask` must just have returned `open`. */
  pass(): void;
  /** Notes that the message was answered, or will not leave. May be called more than once. */
  end(): void;
}

/** Asks the gates before a message in their order. If all are open, the message uses their slots. */
export function askAll(
  passages: readonly Passage[],
  begin: (retry: () => void) => GateAnswer,
  retry: () => void,
): GateAnswer {
  const answer = askEach(passages, begin, retry);
  if (answer === "open") for (const passage of passages) passage.pass();
  return answer;
}

/** Asks one gate after the other, so that a message takes no slot of one gate while another has none. */
function askEach(
  passages: readonly Passage[],
  begin: (retry: () => void) => GateAnswer,
  retry: () => void,
): GateAnswer {
  for (const passage of passages) {
    const answer = passage.ask(retry);
    if (answer !== "open") return answer;
  }
  return begin(retry);
}

interface Departure {
  passages?: readonly Passage[];
  begin: (retry: () => void) => GateAnswer;
}

const awaitAnswer = (asking: (retry: () => void) => GateAnswer): Promise<boolean> =>
  new Promise((resolve) => {
    const ask = () => {
      const answer = asking(ask);
      if (answer !== "waits") resolve(answer === "open");
    };
    ask();
  });

/** Resolves when the message may leave, or with false if there is no slot for it soon. For channels without connections of their own. */
export const passAll = ({ passages = [], begin }: Departure): Promise<boolean> =>
  awaitAnswer((retry) => askAll(passages, begin, retry));

/**
 * Resolves when the message could leave, or with false if it cannot leave soon. It uses no slot: the gates have to be asked again when the
 * message is written to a connection.
 */
export const awaitOpening = ({ passages = [], begin }: Departure): Promise<boolean> =>
  awaitAnswer((retry) => askEach(passages, begin, retry));
