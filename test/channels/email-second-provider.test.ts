import { describe, expect, it } from "vitest";
import { guarantees, type DeliveredRow, type Guarantee } from "./delivered-rows.ts";
import { provider } from "./email-channel.ts";
import {
  closing,
  hanging,
  later,
  startMisbehavingServer,
  type Answer,
  type Answers,
  type MisbehavingServer,
  type Phase,
} from "./misbehaving-server.ts";
import {
  deliverOver,
  expectAccount,
  endingOf,
  recipientsNamed,
  type Ending,
  type Misbehaviour,
} from "./misbehaviour.ts";

/** Long enough for a busy machine, for what must not be repeated is not sent over the second either. */
const soon = { sendDeadlineMs: 1_000 };
const twelve = recipientsNamed("r", 12);

interface Pair {
  rows: DeliveredRow[];
  first: MisbehavingServer;
  second: MisbehavingServer;
}

/** Delivers by two providers, the first of which misbehaves. */
async function deliverByTwo(
  answers: Answers,
  guarantee: Guarantee,
  {
    recipients = twelve,
    connections = 3,
    ...options
  }: Partial<Pick<Misbehaviour, "recipients" | "sendDeadlineMs">> & { connections?: number } = {},
): Promise<Pair> {
  const extensions = ["PIPELINING"];
  const first = await startMisbehavingServer(answers, { extensions });
  const second = await startMisbehavingServer(() => undefined, { extensions });
  const providers = [
    provider(first.port, { name: "first", connections }),
    provider(second.port, { name: "second", connections }),
  ];
  const rows = await deliverOver(providers, recipients, { guarantee, ...options });
  await Promise.all([first.close(), second.close()]);
  expectAccount(rows, [first, second]);
  return { rows, first, second };
}

const always =
  (phase: Phase, answer: Answer): Answers =>
  (occasion) =>
    occasion.phase === phase ? answer : undefined;

const endingsOf = (rows: readonly DeliveredRow[]): Record<string, Ending> =>
  Object.fromEntries(rows.map((row) => [row.recipient, endingOf(row)]));
const allSent = (recipients: readonly string[]) =>
  Object.fromEntries(recipients.map((recipient) => [recipient, "sent"]));

describe.each(guarantees)("the second of two providers, %s,", (guarantee) => {
  it.concurrent.each<[string, Answers, { connections?: number }?]>([
    ["greets with 554", always("greeting", closing("554 5.7.1 blocked")), {}],
    ["closes at once", always("greeting", closing()), {}],
    ["closes after EHLO", always("EHLO", closing("421 4.3.2 closing")), {}],
    ["blocks us at MAIL", always("MAIL", "554 5.7.1 your IP address is blocked")],
    ["knows no such sender at MAIL", always("MAIL", "501 5.1.7 bad sender address")],
    ["blocks us at RCPT", always("RCPT", "550 5.7.1 relaying denied")],
    ["blocks us at DATA", always("DATA", "554 5.7.1 blocked")],
    ["blocks us after the content", always("dot", "550 5.7.1 blocked as spam")],
    ["wants us signed in", always("MAIL", "530 5.7.0 authentication required")],
    ["has no room", always("MAIL", "452 4.3.1 insufficient system storage")],
    ["is out of order", always("RCPT", "451 4.3.0 not now")],
    ["closes at MAIL", always("MAIL", closing())],
    ["closes with the content on its way", always("DATA", closing())],
    ["answers DATA with 250", always("DATA", "250 ok")],
    ["asks to be left alone for an hour", always("MAIL", closing("421 try again in 3600 seconds"))],
    ["greylists for an hour", always("RCPT", "451 4.7.1 greylisted, try again in 3600 seconds")],
    [
      "takes five and then blocks us",
      ({ phase, takenInAll }) =>
        phase === "MAIL" && takenInAll >= 5 ? "550 5.7.1 blocked" : undefined,
    ],
  ])("takes everything where the first %s", async (_, answers, options) => {
    const { rows } = await deliverByTwo(answers, guarantee, options);
    expect(endingsOf(rows)).toEqual(allSent(twelve));
  });

  it("takes everything where the first hangs before it has a content", async () => {
    await Promise.all(
      (["greeting", "MAIL", "DATA"] as const).map(async (phase) => {
        const { rows } = await deliverByTwo(always(phase, hanging), guarantee, soon);
        expect(endingsOf(rows)).toEqual(allSent(twelve));
      }),
    );
  });

  it("is not asked where the first says that there is no such recipient", async () => {
    const isGone = (recipient: string | null) => recipient!.startsWith("gone");
    const recipients = [...recipientsNamed("gone", 3), ...recipientsNamed("r", 3)];
    for (const phase of ["RCPT", "dot"] as const) {
      const { rows, second } = await deliverByTwo(
        (occasion) =>
          occasion.phase === phase && isGone(occasion.recipient)
            ? "550 5.1.1 no such user"
            : undefined,
        guarantee,
        { recipients },
      );
      for (const row of rows)
        expect(endingOf(row)).toBe(isGone(row.recipient) ? "rejected" : "sent");
      expect([...second.namedAt.keys()].filter(isGone)).toEqual([]);
    }
  });

  it("is given nothing where the first only takes no more connections than three", async () => {
    const { rows, second } = await deliverByTwo(
      ({ phase, open }) =>
        phase === "greeting" && open > 3
          ? closing("421 4.7.0 too many connections")
          : phase === "dot"
            ? later(10)
            : undefined,
      guarantee,
      { recipients: recipientsNamed("r", 30), connections: 10 },
    );
    expect(rows.map(endingOf)).toEqual(Array(30).fill("sent"));
    expect(second.messages).toEqual([]);
  });

  it.each([
    ["with 452", "452 4.5.3 too many messages on this connection"],
    ["with 554", "554 5.7.0 too many messages"],
    ["with 421", closing("421 closing")],
  ])(
    "is given nothing where the first ends its connections %s after three mails",
    async (_, answer) => {
      const { rows, second } = await deliverByTwo(
        ({ phase, taken }) => (phase === "MAIL" && taken >= 3 ? answer : undefined),
        guarantee,
      );
      expect(endingsOf(rows)).toEqual(allSent(twelve));
      expect(second.messages).toEqual([]);
    },
  );

  it("takes addresses that only it can take", async () => {
    const first = await startMisbehavingServer(() => undefined);
    const second = await startMisbehavingServer(() => undefined, { extensions: ["SMTPUTF8"] });
    const recipients = ["änn@example.org", "bob@example.org"];
    const rows = await deliverOver(
      [provider(first.port), provider(second.port, { name: "second" })],
      recipients,
      { guarantee },
    );
    await Promise.all([first.close(), second.close()]);
    expectAccount(rows, [first, second]);
    expect(endingsOf(rows)).toEqual(allSent(recipients));
    expect(second.messages.map(({ address }) => address)).toEqual(["änn@example.org"]);
  });
});

describe("a message that the first of two providers may have taken", () => {
  it.each([
    ["closes", closing()],
    ["says what is no answer", "354 go ahead"],
  ])("goes to the second where it may be repeated and the first %s", async (_, answer) => {
    const { rows, first, second } = await deliverByTwo(always("dot", answer), "at_least_once");
    expect(endingsOf(rows)).toEqual(allSent(twelve));
    expect(second.messages).toHaveLength(twelve.length);
    for (const { attempts } of rows)
      expect(attempts.filter(({ outcome }) => outcome === "sent")).toHaveLength(1);
    expect(first.messages.length).toBeGreaterThan(0);
  });

  it.each([
    ["closes", closing()],
    ["says what is no answer", "354 go ahead"],
  ])("goes nowhere else where it must not be repeated and the first %s", async (_, answer) => {
    const { rows, first, second } = await deliverByTwo(always("dot", answer), "at_most_once", {
      connections: 1,
    });
    const known = new Set(first.messages.map(({ address }) => address));
    for (const row of rows)
      expect(endingOf(row)).toBe(known.has(row.recipient) ? "unknown" : "sent");
    expect(second.messages.filter(({ address }) => known.has(address))).toEqual([]);
  });
});
