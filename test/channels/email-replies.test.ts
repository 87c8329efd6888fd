import { describe, expect, it } from "vitest";
import { shortly } from "./conversation.ts";
import {
  closing,
  later,
  type Answer,
  type Answers,
  type Phase,
  startMisbehavingServer,
} from "./misbehaving-server.ts";
import { provider } from "./email-channel.ts";
import {
  deliverOver,
  expectAccount,
  expectOneAttemptEach,
  endingOf,
  judgeEach,
  recipientsNamed,
  type Ending,
  type Misbehaviour,
} from "./misbehaviour.ts";

/** What is due at each phase of a mail. */
const due: Partial<Record<Phase, string>> = {
  RSET: "250 reset",
  MAIL: "250 2.1.0 sender",
  RCPT: "250 2.1.5 recipient",
  DATA: "354 go ahead",
  dot: "250 2.0.0 taken",
};

/** Puts each reply to a mail's commands in its own way. */
const said =
  (put: (text: string, nth: number) => readonly string[]): Misbehaviour["answers"] =>
  () =>
  ({ phase, nth }) => {
    const text = due[phase];
    return text === undefined ? undefined : { packets: put(text, nth) };
  };

const three = recipientsNamed("r", 3);

describe("a server whose replies are right", () => {
  judgeEach(
    (
      [
        ["come byte by byte", (text) => `${text}\r\n`.split("")],
        ["come in halves", (text) => [text.slice(0, 5), `${text.slice(5)}\r\n`]],
        ["are cut between carriage return and line feed", (text) => [`${text}\r`, "\n"]],
        ["end with a line feed alone", (text) => [`${text}\n`]],
        ["come after a blank line", (text) => [`\r\n${text}\r\n`]],
        ["come after blank lines by themselves", (text) => ["\r\n", "\r\n", `${text}\r\n`]],
        ["have no text", (text) => [`${text.slice(0, 3)}\r\n`]],
        ["have a blank and no text", (text) => [`${text.slice(0, 3)} \r\n`]],
        ["have several lines", (text) => [`${text.slice(0, 3)}-first\r\n${text}\r\n`]],
        [
          "have a thousand lines",
          (text) => [`${`${text.slice(0, 3)}-more\r\n`.repeat(1_000)}${text}\r\n`],
        ],
        ["are 50,000 characters long", (text) => [`${text}${"x".repeat(50_000)}\r\n`]],
        ["are not ASCII", (text) => [`${text} \u00e9\u00ff\u0080\r\n`]],
        ["hold control characters", (text) => [`${text} \u0000\u0007\u001b[1m\r\n`]],
        ["hold codes of other replies", (text) => [`${text} 550 5.7.1 421 354\r\n`]],
      ] satisfies readonly (readonly [string, (text: string) => readonly string[]])[]
    ).map(([name, put]): Misbehaviour => ({
      name: `and ${name}`,
      answers: said(put),
      ends: "sent",
      also: expectOneAttemptEach,
    })),
  );

  judgeEach([
    {
      name: "and come late, each of them",
      answers:
        () =>
        ({ phase }) =>
          phase in due ? later(20) : undefined,
      ends: "sent",
      also: expectOneAttemptEach,
    },
    {
      name: "and come late after contents only",
      answers:
        () =>
        ({ phase }) =>
          phase === "dot" ? later(150) : undefined,
      ends: "sent",
      also: expectOneAttemptEach,
    },
    {
      name: "and stand in codes of their kind that nobody uses",
      answers:
        () =>
        ({ phase, nth }) =>
          phase === "RCPT" ? (nth % 2 === 0 ? "252 cannot verify" : "251 will forward") : undefined,
      ends: "sent",
      also: expectOneAttemptEach,
    },
    {
      name: "and which greets in several lines",
      answers:
        () =>
        ({ phase }) =>
          phase === "greeting" ? "220-welcome\r\n220-you are watched\r\n220 s" : undefined,
      ends: "sent",
      also: expectOneAttemptEach,
    },
  ]);
});

/** Nothing is refused for good, whatever it says; some may be given up, or unknown. */
const anyButRejected: readonly Ending[] = ["sent", "given up", "waits", "unknown"];

describe("a server whose replies are wrong", () => {
  judgeEach(
    (["MAIL", "RCPT", "DATA", "dot"] as const).flatMap((at) =>
      (
        [
          ["says it twice in one packet", (text) => [`${text}\r\n${text}\r\n`]],
          ["says it twice", (text) => [`${text}\r\n`, `${text}\r\n`]],
          ["says it three times", (text) => Array(3).fill(`${text}\r\n`)],
          ["says 250 before it", (text) => ["250 stray\r\n", `${text}\r\n`]],
          ["says 250 after it", (text) => [`${text}\r\n`, "250 stray\r\n"]],
          ["says something that is no reply", () => ["what?\r\n"]],
          ["says a code of four digits", () => ["2500 ok\r\n"]],
          ["says two codes in one reply", (text) => [`250-first\r\n451-then\r\n${text}\r\n`]],
          ["never ends a line", () => ["250 ".padEnd(70_000, "x")]],
        ] satisfies readonly (readonly [string, (text: string) => readonly string[]])[]
      ).map(([name, put]): Misbehaviour => ({
        name: `and ${name} at ${at}`,
        answers:
          () =>
          ({ phase }) =>
            phase === at ? { packets: put(due[at]!) } : undefined,
        recipients: three,
        attempts: 3,
        // Where two replies are read as one, the other never comes.
        ...shortly,
        // What may have arrived is not repeated, so that the account is exact.
        guarantee: "at_most_once",
        ends: anyButRejected,
      })),
    ),
  );

  judgeEach([
    {
      name: "and speaks another protocol",
      answers:
        () =>
        ({ phase }) =>
          phase === "greeting"
            ? { packets: ["HTTP/1.1 400 Bad Request\r\n\r\n"], end: "close" }
            : undefined,
      attempts: 2,
      ends: "given up",
    },
    {
      name: "and is one reply off for its first connection only",
      answers:
        () =>
        ({ connection, phase }) =>
          connection === 1 && phase === "dot"
            ? { packets: ["250 taken\r\n", "250 taken\r\n"] }
            : undefined,
      ends: "sent",
      guarantee: "at_most_once",
    },
  ]);
});

const keywords = ["PIPELINING", "SMTPUTF8", "8BITMIME", "SIZE 35882577", "CHUNKING", "DSN"];
const subsets = Array.from({ length: 2 ** keywords.length }, (_, bits) =>
  keywords.filter((__, place) => bits & (1 << place)),
);
const beyondAscii = "änn@example.org";

describe("a server with extensions", () => {
  it("is used by those that it has, in all mixes of them", async () => {
    await Promise.all(
      subsets.map(async (extensions) => {
        const server = await startMisbehavingServer(() => undefined, { extensions });
        const rows = await deliverOver(
          [provider(server.port)],
          ["a@example.org", beyondAscii, "b@example.org"],
          { guarantee: "at_most_once" },
        );
        await server.close();
        expectAccount(rows, [server]);
        const utf8: Ending = extensions.includes("SMTPUTF8") ? "sent" : "rejected";
        expect({ extensions, endings: rows.map(endingOf) }).toEqual({
          extensions,
          endings: ["sent", utf8, "sent"],
        });
      }),
    );
  });

  const withGreeting = (
    name: string,
    greet: (phase: Phase) => Answer | undefined,
  ): Misbehaviour => ({
    name,
    answers: () => (({ phase }) => greet(phase)) satisfies Answers,
    ends: "sent",
    also: expectOneAttemptEach,
  });
  judgeEach([
    withGreeting("knows HELO only, and answers EHLO with 500", (phase) =>
      phase === "EHLO" ? "500 what?" : undefined,
    ),
    withGreeting("knows HELO only, and answers EHLO with 502", (phase) =>
      phase === "EHLO" ? "502 5.5.1 not implemented" : undefined,
    ),
    withGreeting("writes its keywords small", (phase) =>
      phase === "EHLO" ? "250-s\r\n250-pipelining\r\n250 size 1000000" : undefined,
    ),
    withGreeting("has keywords that nobody knows", (phase) =>
      phase === "EHLO"
        ? "250-s\r\n250-XCLIENT NAME ADDR\r\n250-X-PIPELINING\r\n250 HELP"
        : undefined,
    ),
    withGreeting("offers a sign-in that we have nothing for", (phase) =>
      phase === "EHLO" ? "250-s\r\n250-AUTH PLAIN LOGIN\r\n250 PIPELINING" : undefined,
    ),
    withGreeting("names itself after an extension", (phase) =>
      phase === "EHLO" ? "250 PIPELINING.example.org" : undefined,
    ),
    {
      name: "knows neither EHLO nor HELO",
      answers:
        () =>
        ({ phase }) =>
          phase === "EHLO" || phase === "HELO" ? closing("502 5.5.1 not implemented") : undefined,
      attempts: 2,
      ends: "given up",
    },
  ]);
});
