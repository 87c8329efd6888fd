import { describe, expect, it, vi } from "vitest";
import { hang, open, serve, takeAll } from "./conversation.ts";
import { attemptsOf, outcomes, provider, request, sendDeadlineMs } from "./email-channel.ts";
import { closedPort } from "./scripted-server.ts";
import { skippableTime } from "./skippable-time.ts";
import { patience } from "../support/patience.ts";

/** As the channel has it: a server that finishes nothing for so long is turned away from. */
const longestStallMs = 3_000;

describe("several providers", () => {
  it("are tried in order until one takes the message", async () => {
    const busy = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      for (;;) await connection.envelope("451 later", "503 no recipients");
    });
    const willing = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await takeAll(connection);
    });
    const channel = open([
      provider(await closedPort(), { name: "gone" }),
      provider(busy.port, { name: "busy" }),
      provider(willing.port, { name: "willing" }),
    ]);
    const result = await channel.send(request());
    expect(outcomes(result)).toEqual(["transient/connection", "transient/smtp_4xx", "sent"]);
    expect(attemptsOf(result).map((attempt) => attempt.provider)).toEqual([
      "gone",
      "busy",
      "willing",
    ]);
  });

  it("are not tried after a permanent refusal", async () => {
    const refusing = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await connection.envelope("550 nobody here", "503 no recipients");
      await hang();
    });
    const other = await serve(takeAll);
    const channel = open([provider(refusing.port), provider(other.port, { name: "other" })]);
    expect(outcomes(await channel.send(request()))).toEqual(["permanent/unknown_address"]);
    expect(other.connections).toHaveLength(0);
  });

  it.each([
    [true, ["unknown/connection", "sent"]],
    [false, ["unknown/connection"]],
  ])(
    "are tried after an unknown outcome only where a repeat does no harm: %s",
    async (repeatable, expected) => {
      const leaving = await serve(async (connection) => {
        await connection.greet("PIPELINING");
        await connection.envelope();
        await connection.content();
        connection.hangUp();
      });
      const willing = await serve(async (connection) => {
        await connection.greet("PIPELINING");
        await takeAll(connection);
      });
      const channel = open([provider(leaving.port), provider(willing.port, { name: "willing" })]);
      expect(outcomes(await channel.send(request("a@example.org", { repeatable })))).toEqual(
        expected,
      );
    },
  );

  it("are preferred to one that hangs, until it answers again", async () => {
    let answer = () => {};
    const answers = new Promise<void>((resolve) => (answer = resolve));
    const hanging = await serve(async (connection) => {
      await answers;
      await connection.greet("PIPELINING");
      await takeAll(connection);
    });
    const willing = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await takeAll(connection);
    });
    const time = skippableTime();
    const channel = open([
      provider(hanging.port, { name: "hanging" }),
      provider(willing.port, { name: "willing" }),
    ]);
    const first = channel.send(request());
    await vi.waitFor(() => expect(hanging.connections).toHaveLength(1), patience);
    time.skip(longestStallMs);
    expect(outcomes(await first)).toEqual(["transient/timeout", "sent"]);
    for (let index = 0; index < 20; index += 1) {
      const attempts = attemptsOf(await channel.send(request()));
      expect(attempts).toMatchObject([{ provider: "willing", outcome: "sent" }]);
    }
    answer();
    await vi.waitFor(async () => {
      const [attempt] = attemptsOf(await channel.send(request()));
      expect(attempt).toMatchObject({ provider: "hanging", outcome: "sent" });
    }, patience);
  });

  it("take what waits for one that stops answering, long before its deadline", async () => {
    const stopping = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await connection.envelope();
      await hang();
    });
    const willing = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await takeAll(connection);
    });
    const time = skippableTime();
    const channel = open([
      provider(stopping.port, { name: "stopping" }),
      provider(willing.port, { name: "willing" }),
    ]);
    const results = Array.from({ length: 10 }, () => channel.send(request()));
    const early: string[][] = [];
    for (const result of results) void result.then((answer) => early.push(outcomes(answer)));
    await vi.waitFor(
      () => expect(stopping.connections[0]?.chunks.join("").match(/MAIL/g)).toHaveLength(2),
      patience,
    );
    time.skip(longestStallMs);
    // All but the one that was handed over, with the one whose envelope stood behind it on the same connection.
    await vi.waitFor(() => expect(early).toHaveLength(9), patience);
    expect(early.filter(({ length }) => length === 1)).toEqual([["sent"]]);
    expect(early.filter(({ length }) => length === 2)).toEqual(
      Array(8).fill(["transient/timeout", "sent"]),
    );
    time.skip(sendDeadlineMs);
    expect(outcomes(await results[0]!)).toEqual(["unknown/timeout", "sent"]);
    for (const result of results) expect(outcomes(await result).at(-1)).toBe("sent");
  });
});
