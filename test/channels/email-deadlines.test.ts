import { describe, expect, it, vi } from "vitest";
import type { SendResult } from "../../activities/channels/channel.ts";
import { patience } from "../support/patience.ts";
import { hang, open, serve, takeAll } from "./conversation.ts";
import {
  attemptsOf,
  channelTo,
  outcomes,
  provider,
  request,
  sendDeadlineMs,
} from "./email-channel.ts";
import {
  closing,
  hanging,
  later,
  startMisbehavingServer,
  type Answers,
  type Phase,
} from "./misbehaving-server.ts";
import {
  expectOneAttemptEach,
  judgeEach,
  recipientsNamed,
  type Conversation,
} from "./misbehaviour.ts";
import type { ScriptedConnection } from "./scripted-server.ts";
import { skippableTime } from "./skippable-time.ts";

/** As the channel has it: what is under way has so long when it is closed. */
const closeMs = 20_000;
/** Ten times as long as other steps have. */
const answerDeadlineMs = 10 * sendDeadlineMs;

/** A server that accepts each content and answers when the test says so. */
async function answeringLate(extensions: readonly string[] = ["PIPELINING"]) {
  const waiting: ScriptedConnection[] = [];
  const server = await serve(async (connection, index) => {
    await connection.greet(...extensions);
    if (index > 0) return takeAll(connection);
    await connection.envelope();
    await connection.content();
    waiting.push(connection);
    await hang();
  });
  return {
    server,
    contentCame: () => vi.waitFor(() => expect(waiting).toHaveLength(1), patience),
    answer: () => waiting[0]!.write("250 taken"),
  };
}

describe("a server that answers the final dot late", () => {
  it("has the message once, and others do not wait for it", async () => {
    const { server, contentCame, answer } = await answeringLate();
    const time = skippableTime();
    const channel = open([provider(server.port)], { answerDeadlineMs });
    let result: SendResult | undefined;
    const sending = channel.send(request()).then((known) => (result = known));
    const rider = channel.send(request("rider@example.org"));
    await contentCame();
    time.skip(2 * sendDeadlineMs);
    // It has been turned away, so that the deadlines were looked at.
    expect(await rider).toMatchObject({ kind: "held" });
    const waiting = channel.send(request("waiting@example.org"));
    time.skip(2 * sendDeadlineMs);
    expect(await waiting).toMatchObject({ kind: "held" });
    expect(result).toBeUndefined();
    answer();
    server.connections[0]!.write("250 sender", "250 recipient", "354 go ahead");
    expect(outcomes(await sending)).toEqual(["sent"]);
    // The envelope behind it was of a mail that went elsewhere: nothing is said any more that could be taken for its content.
    await vi.waitFor(() => expect(server.connections[0]!.closed).toBe(true), patience);
    expect(server.connections[0]!.chunks.at(-1)).toMatch(
      /\r\n\.\r\nMAIL .*\r\nRCPT .*\r\nDATA\r\n$/,
    );
    expect(outcomes(await channel.send(request("rider@example.org")))).toEqual(["sent"]);
  });

  it("goes on over the same connection where it refuses the envelope behind", async () => {
    const { server, contentCame, answer } = await answeringLate();
    const time = skippableTime();
    const channel = open([provider(server.port)], { answerDeadlineMs });
    const sending = channel.send(request());
    const rider = channel.send(request("rider@example.org"));
    await contentCame();
    time.skip(2 * sendDeadlineMs);
    expect(await rider).toMatchObject({ kind: "held" });
    answer();
    server.connections[0]!.write("250 sender", "550 5.1.1 nobody", "503 no recipient");
    expect(outcomes(await sending)).toEqual(["sent"]);
    void channel.send(request("next@example.org"));
    await vi.waitFor(
      () =>
        expect(server.connections[0]!.chunks.at(-1)).toMatch(/^RSET\r\nMAIL .*\r\nRCPT TO:<next@/),
      patience,
    );
    server.connections[0]!.write("250 reset", "451 no", "503 no", "503 no");
  });

  it("gives up at last, and never knows", async () => {
    const { server, contentCame } = await answeringLate();
    const time = skippableTime();
    const channel = open([provider(server.port)], { answerDeadlineMs });
    const sending = channel.send(request());
    await contentCame();
    time.skip(answerDeadlineMs);
    const [attempt] = attemptsOf(await sending);
    expect(attempt).toMatchObject({
      outcome: "unknown",
      failure: "timeout",
      response: `no answer to the final dot within ${answerDeadlineMs} ms`,
    });
  });

  it("does not keep the channel from closing", async () => {
    const { server, contentCame } = await answeringLate();
    const time = skippableTime();
    const channel = channelTo([provider(server.port)], { answerDeadlineMs });
    const sends = ["handed-over", "behind", "waiting"].map((name) =>
      channel.send(request(`${name}@example.org`)),
    );
    await contentCame();
    const closed = channel.close();
    time.skip(closeMs);
    await closed;
    const [handedOver, ...others] = await Promise.all(sends);
    expect(outcomes(handedOver!)).toEqual(["unknown/interrupted"]);
    for (const other of others) expect(other.kind).toBe("held");
    expect((await channel.send(request())).kind).toBe("held");
  });
});

const slowMs = 600;
const slowly: Answers = ({ phase }) =>
  ["MAIL", "RCPT", "DATA", "dot"].includes(phase) ? later(slowMs) : undefined;

/** Copies that the server has of each message. */
const expectCopies =
  (most: number) =>
  ({ server }: Conversation): void => {
    const copies = new Map<string, number>();
    for (const { address } of server.messages) copies.set(address, (copies.get(address) ?? 0) + 1);
    expect(Math.max(...copies.values())).toBeLessThanOrEqual(most);
  };

describe("a server", () => {
  judgeEach([
    {
      name: "takes its time for each step has it for each of them",
      answers: () => slowly,
      recipients: recipientsNamed("r", 2),
      settings: { connections: 2 },
      sendDeadlineMs: slowMs * 2,
      ends: "sent",
      also: expectOneAttemptEach,
    },
    {
      name: "answers the final dot later than anything else may last",
      answers:
        () =>
        ({ phase }) =>
          phase === "dot" ? later(2 * slowMs) : undefined,
      recipients: recipientsNamed("r", 3),
      sendDeadlineMs: slowMs,
      answerDeadlineMs: 100 * slowMs,
      ends: "sent",
      also(conversation) {
        expectOneAttemptEach(conversation);
        expectCopies(1)(conversation);
      },
    },
    {
      name: "takes every message without a word gets two copies of it at most",
      answers:
        () =>
        ({ phase }) =>
          phase === "dot" ? closing() : undefined,
      ends: "unknown",
      also: expectCopies(2),
    },
  ]);
});

const stepMs = 200;

describe.each([
  ["with pipelining", ["PIPELINING"]],
  ["without pipelining", []],
])("a server %s", (_, extensions) => {
  it.concurrent.each<[Phase, string, string | RegExp]>([
    ["greeting", "transient/timeout", /^(Greeting never received|Timeout)$/],
    ["EHLO", "transient/timeout", "Timeout"],
    ["MAIL", "transient/timeout", `no answer to MAIL within ${stepMs} ms`],
    ["RCPT", "transient/timeout", `no answer to RCPT within ${stepMs} ms`],
    ["DATA", "transient/timeout", `no answer to DATA within ${stepMs} ms`],
    ["dot", "unknown/timeout", `no answer to the final dot within ${2 * stepMs} ms`],
  ])(
    "that says nothing to %s has had the deadline of that step",
    async (phase, outcome, response) => {
      const server = await startMisbehavingServer(
        (occasion) => (occasion.phase === phase ? hanging : undefined),
        { extensions },
      );
      const channel = channelTo([provider(server.port)], {
        sendDeadlineMs: stepMs,
        answerDeadlineMs: 2 * stepMs,
      });
      const result = await channel.send(request());
      await channel.close();
      await server.close();
      expect(outcomes(result)).toEqual([outcome]);
      expect(attemptsOf(result)[0]!.response).toMatch(response);
    },
  );
});

it("gives up on a server that never ends its greeting, though it never falls silent", async () => {
  const server = await serve(async (connection) => {
    connection.write("220 s");
    await connection.line();
    const more = setInterval(() => connection.write("250-more"), stepMs / 4);
    connection.socket.once("close", () => clearInterval(more));
    await hang();
  });
  const channel = open([provider(server.port)], { sendDeadlineMs: stepMs });
  const [attempt] = attemptsOf(await channel.send(request()));
  expect(attempt).toMatchObject({
    outcome: "transient",
    failure: "timeout",
    response: `no connection within ${4 * stepMs} ms`,
  });
});
