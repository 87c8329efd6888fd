import { describe, expect } from "vitest";
import { createRandom } from "../../bench/random.ts";
import { shortly } from "./conversation.ts";
import {
  closing,
  hanging,
  later,
  resetting,
  type Answer,
  type Answers,
  type Phase,
} from "./misbehaving-server.ts";
import {
  expectAttemptsEach,
  expectOneAttemptEach,
  judgeEach,
  recipientsNamed,
  type Conversation,
  type Misbehaviour,
} from "./misbehaviour.ts";

const many = recipientsNamed("r", 30);

/** Answers so slowly that connections stand beside each other. */
const slowly: Answers = ({ phase }) => (phase === "dot" ? later(10) : undefined);

/** Greets so many connections at a time, and answers others so. */
const connectionLimit =
  (most: number, phase: "greeting" | "EHLO", answer: Answer): Misbehaviour["answers"] =>
  () =>
  (occasion) =>
    occasion.phase === phase && occasion.open > most ? answer : slowly(occasion);

describe("a server with a limit of connections", () => {
  judgeEach(
    (
      [
        ["greets the fourth with 421", "greeting", closing("421 4.7.0 too many connections")],
        ["greets the fourth with 421 and leaves it open", "greeting", "421 too many connections"],
        ["greets the fourth with 421 that says nothing", "greeting", closing("421 closing")],
        ["greets the fourth with 554", "greeting", closing("554 5.7.0 no more of you")],
        ["closes the fourth without a word", "greeting", closing()],
        ["breaks the fourth off", "greeting", resetting],
        ["closes the fourth after EHLO", "EHLO", closing("421 4.3.2 too many sessions")],
      ] as const
    ).map(([name, phase, answer]): Misbehaviour => ({
      name,
      answers: connectionLimit(3, phase, answer),
      settings: { connections: 10 },
      recipients: many,
      ends: "sent",
      also: expectOneAttemptEach,
    })),
  );

  judgeEach([
    {
      name: "takes one connection and refuses a second",
      answers: connectionLimit(1, "greeting", closing("421 4.7.0 one connection only")),
      settings: { connections: 5 },
      recipients: many,
      ends: "sent",
      also: expectOneAttemptEach,
    },
  ]);
});

/** Takes so many mails over one connection, and answers the next so. */
const mailLimit =
  (most: number, phase: Phase, answer: Answer): Misbehaviour["answers"] =>
  () =>
  (occasion) =>
    occasion.phase === phase && occasion.taken >= most ? answer : undefined;

const twelve = recipientsNamed("r", 12);

describe("a server with a limit of mails over one connection", () => {
  judgeEach(
    (["MAIL", "RCPT", "DATA"] as const).flatMap((phase) =>
      [
        "452 4.5.3 too many messages on this connection",
        "421 4.7.0 too many messages",
        "421 closing",
        "451 4.3.0 start again",
        "503 5.5.1 enough",
        "554 5.7.0 too many messages in this session",
      ].flatMap((words) => [
        {
          name: `answers ${phase} with ${words}, and leaves the connection open`,
          answers: mailLimit(3, phase, words),
          recipients: twelve,
          ends: "sent",
          also: expectOneAttemptEach,
        } satisfies Misbehaviour,
        {
          name: `answers ${phase} with ${words}, and closes`,
          answers: mailLimit(3, phase, closing(words)),
          recipients: twelve,
          ends: "sent",
          also: expectOneAttemptEach,
        } satisfies Misbehaviour,
      ]),
    ),
  );

  judgeEach([
    {
      name: "closes after each mail without a word",
      answers: mailLimit(1, "MAIL", closing()),
      recipients: twelve,
      ends: "sent",
      also: expectOneAttemptEach,
    },
    {
      name: "breaks off after three mails",
      answers: mailLimit(3, "MAIL", resetting),
      recipients: twelve,
      ends: "sent",
      also: expectOneAttemptEach,
    },
    {
      name: "takes one mail a connection and answers 452 to a second",
      answers: mailLimit(1, "MAIL", "452 4.5.3 one at a time"),
      recipients: twelve,
      ends: "sent",
      also: expectOneAttemptEach,
    },
    ...[1, 3].map((messages): Misbehaviour => ({
      name: `would refuse for good what comes after ${messages} mails, of which we know`,
      answers: mailLimit(messages, "MAIL", closing("554 5.7.1 you were told")),
      settings: { messages },
      recipients: twelve,
      ends: "sent",
      also: expectMailsAConnection(messages),
    })),
  ]);
});

/** Connections end after so many mails before the server has to refuse one. */
function expectMailsAConnection(messages: number) {
  return (conversation: Conversation): void => {
    expectOneAttemptEach(conversation);
    expect(conversation.server.refusals).toEqual([]);
    expect(conversation.server.mostBegun()).toBe(messages);
  };
}

/** Takes so many mails in a row, and then refuses as many as it took. */
const byTurns =
  (count: number, phase: Phase, words: string): Misbehaviour["answers"] =>
  () => {
    let asked = 0;
    return (occasion) =>
      occasion.phase === phase && asked++ % (2 * count) >= count ? words : undefined;
  };

/** No recipient was named again sooner than a second after the last time. */
function expectASecondBetween({ server }: Conversation): void {
  for (const times of server.namedAt.values())
    for (const [index, at] of times.entries())
      if (index > 0) expect(at - times[index - 1]!).toBeGreaterThan(950);
}

/** Refuses each recipient once. */
const once =
  (phase: Phase, words: string): Misbehaviour["answers"] =>
  () =>
  (occasion) =>
    occasion.phase === phase && occasion.nth === 1 ? words : undefined;

describe("a server with a limit of mails in a time", () => {
  judgeEach(
    (["MAIL", "RCPT", "DATA", "dot"] as const).flatMap((phase): Misbehaviour[] => [
      {
        name: `takes three and answers ${phase} of three with 450`,
        answers: byTurns(3, phase, "450 4.7.1 rate limit exceeded"),
        recipients: twelve,
        ends: "sent",
      },
      {
        name: `takes three and answers ${phase} of three with 451`,
        answers: byTurns(3, phase, "451 4.7.1 slow down"),
        recipients: twelve,
        ends: "sent",
      },
      {
        name: `asks at ${phase} to be left alone for a second, once, with 421`,
        answers() {
          let asked = false;
          return (occasion) => {
            if (asked || occasion.phase !== phase) return undefined;
            asked = true;
            return closing("421 4.7.0 try again in 1 second");
          };
        },
        ends: "sent",
        // An answer to a content is an attempt; before it, nothing was tried.
        also: expectAttemptsEach(1, phase === "dot" ? 2 : 1),
      },
    ]),
  );

  judgeEach(
    (["RCPT", "DATA", "dot"] as const).map((phase) => ({
      name: `asks at ${phase} of each message to come again in a second, with 451`,
      answers: once(phase, "451 4.7.1 try again in 1 second"),
      ends: "sent",
      also: expectASecondBetween,
    })),
  );

  judgeEach(
    (["greeting", "EHLO"] as const).map((phase) => ({
      name: `asks at ${phase} to be left alone for a second, with 421`,
      answers() {
        const startedAt = performance.now();
        return (occasion) =>
          occasion.phase === phase && performance.now() - startedAt < 900
            ? closing("421 4.7.0 try again in 1 second")
            : undefined;
      },
      ends: "sent",
      also: expectOneAttemptEach,
    })),
  );
});

describe("a server that greylists", () => {
  judgeEach(
    (["RCPT", "DATA", "dot"] as const).flatMap((phase): Misbehaviour[] => [
      {
        name: `takes the second try, and refuses the first at ${phase} with 450`,
        answers: once(phase, "450 4.2.0 greylisted"),
        recipients: twelve,
        ends: "sent",
        also: expectAttemptsEach(2),
      },
      {
        name: `takes the second try after the second that it asked for at ${phase}`,
        answers: once(phase, "451 4.7.1 Greylisted, please try again in 1 seconds"),
        ends: "sent",
        also(conversation) {
          expectASecondBetween(conversation);
          expectAttemptsEach(2)(conversation);
        },
      },
    ]),
  );
});

describe("a server that fails at random", () => {
  judgeEach(
    [1, 2, 3].flatMap((seed): Misbehaviour[] => [
      {
        name: `answers 30 of 100 with 451 (${seed})`,
        answers() {
          const random = createRandom(seed);
          return ({ phase }) =>
            phase !== "greeting" && phase !== "content" && phase !== "EHLO" && random() < 0.1
              ? "451 4.3.0 not now"
              : undefined;
        },
        recipients: twelve,
        attempts: 20,
        ends: "sent",
      },
      {
        name: `answers, closes, breaks off or takes as it comes (${seed})`,
        answers() {
          const random = createRandom(seed);
          const faults: Answer[] = [
            "451 4.3.0 no",
            "421 no",
            closing("421 no"),
            closing(),
            resetting,
          ];
          return ({ phase }) =>
            ["MAIL", "RCPT", "DATA", "content"].includes(phase) && random() < 0.1
              ? faults[phase === "content" ? 3 : Math.floor(random() * faults.length)]
              : undefined;
        },
        recipients: twelve,
        attempts: 20,
        ends: (_, guarantee) => (guarantee === "at_most_once" ? ["sent", "unknown"] : "sent"),
      },
    ]),
  );
});

describe("a server that takes five mails and then none", () => {
  const fromThen =
    (phase: Phase, answer: Answer): Misbehaviour["answers"] =>
    () =>
    (occasion) =>
      occasion.phase === phase && occasion.takenInAll >= 5 ? answer : undefined;
  const expectFive = ({ rows, server, connections }: Conversation) => {
    const taken = server.messages.length;
    expect(taken).toBeGreaterThanOrEqual(5);
    // Others had begun on connections beside it.
    expect(taken).toBeLessThan(5 + connections);
    expect(rows.filter(({ status }) => status === "sent")).toHaveLength(taken);
  };

  judgeEach(
    (["MAIL", "RCPT", "DATA", "dot"] as const).flatMap((phase): Misbehaviour[] => [
      {
        name: `blocks the sender at ${phase}`,
        answers: fromThen(phase, "550 5.7.1 you are blocked from now on"),
        recipients: twelve,
        waits: 3,
        ends: ["sent", "waits"],
        also: expectFive,
      },
      {
        name: `answers ${phase} with 451`,
        answers: fromThen(phase, "451 4.3.0 not now"),
        recipients: twelve,
        attempts: 3,
        ends: ["sent", "given up"],
        also: expectFive,
      },
      {
        name: `answers ${phase} with 421 and closes`,
        answers: fromThen(phase, closing("421 4.3.2 closing")),
        recipients: twelve,
        attempts: 3,
        ends: ["sent", "given up", "waits"],
        also: expectFive,
      },
    ]),
  );

  judgeEach([
    {
      name: "hangs",
      answers: fromThen("MAIL", hanging),
      recipients: twelve,
      attempts: 2,
      ...shortly,
      ends: (_, guarantee) =>
        guarantee === "at_most_once" ? ["sent", "given up", "unknown"] : ["sent", "given up"],
    },
    {
      name: "answers messages for a while, and then takes them without a word",
      answers: fromThen("dot", closing()),
      recipients: twelve,
      ends: ["sent", "unknown"],
    },
  ]);
});
