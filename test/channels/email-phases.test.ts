import { describe } from "vitest";
import { shortly } from "./conversation.ts";
import {
  closing,
  hanging,
  resetting,
  type Answer,
  type Answers,
  type Phase,
} from "./misbehaving-server.ts";
import { judgeEach, recipientsNamed, type Ending, type Misbehaviour } from "./misbehaviour.ts";

const phases = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot"] as const;
/** Before the first mail: what fails there rests for a second. */
const isConnecting = (phase: Phase) => phase === "greeting" || phase === "EHLO";
/** So far apart, attempts are not used up while a provider rests. */
const patientMs = 550;

/** Answers a phase so, the first `times` times that it comes. */
const first =
  (times: number, phase: Phase, answer: Answer): (() => Answers) =>
  () => {
    let left = times;
    return (occasion) => (occasion.phase === phase && left-- > 0 ? answer : undefined);
  };
const always = (phase: Phase, answer: Answer): (() => Answers) =>
  first(Number.POSITIVE_INFINITY, phase, answer);

/** What may have been taken ends unknown where it must not be repeated. */
const unlessTaken =
  (otherwise: Ending): Misbehaviour["ends"] =>
  (_, guarantee) =>
    guarantee === "at_most_once" ? [otherwise, "unknown"] : otherwise;

/** Others may have waited for a connection without getting one. */
const endsUntaken = (phase: Phase): Pick<Misbehaviour, "ends"> => ({
  ends: phase === "dot" ? ["unknown", "given up"] : "given up",
});

describe("a server", () => {
  judgeEach(
    phases.flatMap((phase): Misbehaviour[] => [
      {
        name: `answers ${phase} with 451 twice`,
        answers: first(2, phase, "451 4.3.0 not now"),
        retryMs: isConnecting(phase) ? patientMs : 1,
        ends: "sent",
      },
      {
        name: `answers ${phase} with 451 for ever`,
        answers: always(phase, "451 4.3.0 not now"),
        attempts: 2,
        // HELO says as much.
        ends: phase === "EHLO" ? "sent" : "given up",
      },
      {
        name: `answers ${phase} with 554 twice`,
        answers: first(2, phase, "554 5.3.0 out of order"),
        retryMs: isConnecting(phase) ? patientMs : 1,
        ends: "sent",
      },
      {
        name: `answers ${phase} with 554 about itself for ever`,
        answers: always(phase, "554 5.3.0 out of order"),
        attempts: 2,
        ends: phase === "EHLO" ? "sent" : phase === "greeting" ? ["waits", "given up"] : "waits",
      },
      {
        name: `answers ${phase} with 421 and closes, twice`,
        answers: first(2, phase, closing("421 4.3.2 closing")),
        retryMs: isConnecting(phase) ? patientMs : 1,
        ends: "sent",
      },
      {
        name: `closes at ${phase} twice`,
        answers: first(2, phase, closing()),
        retryMs: isConnecting(phase) ? patientMs : 1,
        ends: phase === "dot" ? unlessTaken("sent") : "sent",
      },
      {
        name: `breaks off at ${phase} twice`,
        answers: first(2, phase, resetting),
        retryMs: isConnecting(phase) ? patientMs : 1,
        ends: phase === "dot" ? unlessTaken("sent") : "sent",
      },
      {
        name: `hangs at ${phase} twice`,
        answers: first(2, phase, hanging),
        ...shortly,
        retryMs: isConnecting(phase) ? patientMs : 1,
        // A mail that twice had no answer to its final dot is not repeated again.
        ends: phase === "dot" ? ["sent", "unknown"] : unlessTaken("sent"),
      },
      {
        name: `closes at ${phase} for ever`,
        answers: always(phase, closing()),
        attempts: 2,
        recipients: recipientsNamed("r", 3),
        ...endsUntaken(phase),
      },
      {
        name: `hangs at ${phase} for ever`,
        answers: always(phase, hanging),
        ...shortly,
        attempts: 2,
        recipients: recipientsNamed("r", 3),
        ...endsUntaken(phase),
      },
    ]),
  );
});
