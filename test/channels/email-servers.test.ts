import { describe, expect, it, vi } from "vitest";
import { hang, open, serve, shortly, takeAll } from "./conversation.ts";
import {
  attemptsOf,
  channelTo,
  outcomes,
  provider,
  request,
  sendDeadlineMs,
} from "./email-channel.ts";
import { closedPort, startScriptedServer, type ScriptedConnection } from "./scripted-server.ts";
import { skippableTime } from "./skippable-time.ts";
import { patience } from "../support/patience.ts";

describe.each([
  ["with pipelining", ["PIPELINING"]],
  ["without pipelining", []],
])("a conversation %s", (_, extensions) => {
  it("never mixes up the outcomes of messages, however the replies arrive", async () => {
    const server = await serve(async (connection) => {
      // Each reply is sent a byte at a time.
      connection.write = (...lines) => {
        for (const byte of lines.map((line) => `${line}\r\n`).join(""))
          connection.socket.write(byte);
      };
      await connection.greet(...extensions);
      for (;;) {
        const recipient = await connection.envelope();
        const kind = recipient.split("-")[0]!;
        await connection.content();
        connection.write(
          ...{
            sent: [`250-taken`, `250 ${recipient}`],
            later: [`451 ${recipient}`],
            never: [`554 ${recipient}`],
          }[kind]!,
        );
      }
    });
    const channel = open([provider(server.port, { connections: 3 })]);
    const kinds = ["sent", "later", "never"];
    const results = await Promise.all(
      Array.from({ length: 90 }, async (__, index) => {
        const kind = kinds[(index * 7) % 3]!;
        const [attempt] = attemptsOf(await channel.send(request(`${kind}-${index}@example.org`)));
        return { kind, index, attempt: attempt! };
      }),
    );
    for (const { kind, index, attempt } of results) {
      expect(attempt.outcome).toBe({ sent: "sent", later: "transient", never: "permanent" }[kind]);
      expect(attempt.response).toContain(`${kind}-${index}@example.org`);
    }
    expect(server.connections.length).toBeLessThanOrEqual(3);
  });

  it("goes on after a refused recipient, and resets what the refusal left open", async () => {
    const server = await serve(async (connection) => {
      await connection.greet(...extensions);
      for (let index = 0; index < 3; index += 1)
        await connection.envelope("550 nobody here", "503 no recipients");
      await takeAll(connection);
    });
    const channel = open([provider(server.port)]);
    const results = await Promise.all(Array.from({ length: 5 }, () => channel.send(request())));
    expect(results.map((result) => outcomes(result)[0])).toEqual([
      "permanent/unknown_address",
      "permanent/unknown_address",
      "permanent/unknown_address",
      "sent",
      "sent",
    ]);
    expect(attemptsOf(results[0]!)[0]!.response).toBe("550 nobody here");
    expect(server.connections).toHaveLength(1);
    expect(server.connections[0]!.chunks.join("").match(/RSET/g)).toHaveLength(3);
  });

  it("closes with QUIT, after what was under way", async () => {
    const server = await serve(async (connection) => {
      await connection.greet(...extensions);
      await takeAll(connection);
    });
    const channel = channelTo([provider(server.port)]);
    const sends = Array.from({ length: 4 }, () => channel.send(request()));
    await channel.close();
    expect((await Promise.all(sends)).flatMap(outcomes)).toEqual(["sent", "sent", "sent", "sent"]);
    await vi.waitFor(() => expect(server.connections[0]!.closed).toBe(true), patience);
    expect(server.connections[0]!.chunks.at(-1)).toBe("QUIT\r\n");
  });

  it("ends each message with what is true, wherever the server hangs up", async () => {
    // What the server sends for two mails, to the byte; each run hangs up a byte later.
    const greeting = `220 s\r\n${["s", ...extensions].map((line, index, all) => `250${index === all.length - 1 ? " " : "-"}${line}\r\n`).join("")}`;
    const whole = greeting.length + 2 * "250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n".length;
    for (let cut = 1; cut < whole; cut += 1) {
      let left = cut;
      let dots = 0;
      let taken = 0;
      const server = await startScriptedServer(async (connection) => {
        const say = (text: string) => {
          const said = `${text}\r\n`.slice(0, left);
          left -= said.length;
          if (said !== "") connection.socket.write(said);
          if (left <= 0) connection.hangUp();
          return said === `${text}\r\n`;
        };
        say("220 s");
        await connection.line();
        ["s", ...extensions].forEach((line, index, all) =>
          say(`250${index === all.length - 1 ? " " : "-"}${line}`),
        );
        for (;;) {
          const line = await connection.line();
          if (line === "DATA") {
            say("354 go");
            await connection.content();
            dots += 1;
            if (say("250 taken")) taken += 1;
          } else {
            say("250 ok");
          }
        }
      });
      const channel = channelTo([provider(server.port)]);
      const results = (
        await Promise.all([channel.send(request()), channel.send(request())])
      ).flatMap(outcomes);
      await channel.close();
      await server.close();
      const count = (outcome: string) =>
        results.filter((result) => result.startsWith(outcome)).length;
      expect({ cut, sent: count("sent"), all: results.length }).toEqual({
        cut,
        sent: taken,
        all: 2,
      });
      // What the server has whole is never called undelivered.
      expect(count("unknown")).toBeGreaterThanOrEqual(dots - taken);
      expect(results.filter((result) => result.startsWith("permanent"))).toEqual([]);
    }
  });
});

describe("a server that pipelines", () => {
  it("gets an envelope as one group, and the next with the content before it", async () => {
    const server = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await takeAll(connection);
    });
    const channel = open([provider(server.port)]);
    await Promise.all([
      channel.send(request("a@example.org")),
      channel.send(request("b@example.org")),
    ]);
    const [, first, second] = server.connections[0]!.chunks;
    expect(first).toBe("MAIL FROM:<tidings@example.org>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n");
    expect(second).toMatch(
      /\r\n\.\r\nMAIL FROM:<tidings@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n$/,
    );
  });

  it("may ask for the content of a refused recipient: it gets none", async () => {
    const contents: string[] = [];
    const server = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await connection.envelope("550 nobody here", "354 go");
      contents.push(await connection.line());
      connection.write("554 no valid recipients");
      await takeAll(connection);
    });
    const channel = open([provider(server.port)]);
    const results = await Promise.all([channel.send(request()), channel.send(request())]);
    expect(results.flatMap(outcomes)).toEqual(["permanent/unknown_address", "sent"]);
    expect(attemptsOf(results[0]!)[0]!.response).toBe("550 nobody here");
    expect(contents).toEqual(["."]);
  });

  it("may hang up with a message unanswered: the one behind it goes over another connection", async () => {
    const server = await serve(async (connection, index) => {
      await connection.greet("PIPELINING");
      if (index > 0) return takeAll(connection);
      await connection.envelope();
      await connection.content();
      connection.hangUp();
    });
    const channel = open([provider(server.port)]);
    const results = await Promise.all([
      channel.send(request("a@example.org")),
      channel.send(request("b@example.org")),
    ]);
    expect(results.map(outcomes)).toEqual([["unknown/connection"], ["sent"]]);
  });

  it("may hang up while the content comes in: it has not got the message", async () => {
    const large = { email: { subject: "large", html: "{{ body }}" } };
    const server = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await connection.envelope();
      connection.socket.pause();
      await hang();
    });
    const channel = open([provider(server.port)], { sendDeadlineMs: 500 });
    const result = await channel.send(
      request("a@example.org", {
        content: large,
        templateVersionId: "large",
        data: { body: "x".repeat(1_900_000) },
      }),
    );
    // The sockets in between may swallow some of it, but not all of this.
    const repeated = await channel.send(
      request("a@example.org", {
        content: { email: { subject: "x", html: "x".repeat(500_000), text: "{{ a }}{{ b }}" } },
        templateVersionId: "larger",
        data: { a: "é".repeat(900_000), b: "é".repeat(900_000) },
      }),
    );
    expect(outcomes(result)[0]).toMatch(/\/timeout$/);
    expect(outcomes(repeated)).toEqual(["transient/timeout"]);
  });
});

describe("a server that is busy, leaving or broken", () => {
  it("may close an idle connection with 421: the next message goes over a new one", async () => {
    const server = await serve(async (connection, index) => {
      await connection.greet("PIPELINING");
      await connection.take();
      if (index > 0) return takeAll(connection);
      connection.write("421 idle for too long");
      connection.hangUp();
    });
    const channel = open([provider(server.port)]);
    expect(outcomes(await channel.send(request()))).toEqual(["sent"]);
    await vi.waitFor(() => expect(server.connections[0]!.closed).toBe(true), patience);
    expect(outcomes(await channel.send(request()))).toEqual(["sent"]);
    expect(server.connections).toHaveLength(2);
  });

  it("may answer an envelope with 421, once without harm, then for what it is", async () => {
    const server = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await connection.line();
      connection.write("421 too busy");
      await hang();
    });
    const channel = open([provider(server.port)]);
    expect(outcomes(await channel.send(request()))).toEqual(["transient/smtp_4xx"]);
    expect(server.connections).toHaveLength(2);
  });

  it("may answer a message with 421, which is an answer", async () => {
    const server = await serve(async (connection, index) => {
      await connection.greet("PIPELINING");
      if (index > 0) return takeAll(connection);
      await connection.envelope();
      await connection.content();
      connection.write("421 shutting down");
      connection.hangUp();
    });
    const channel = open([provider(server.port)]);
    const results = await Promise.all([
      channel.send(request("a@example.org")),
      channel.send(request("b@example.org")),
    ]);
    expect(results.map(outcomes)).toEqual([["transient/smtp_4xx"], ["sent"]]);
  });

  it("that never answers a message leaves its outcome unknown, whatever it says later", async () => {
    const late: ScriptedConnection[] = [];
    const server = await serve(async (connection, index) => {
      await connection.greet("PIPELINING");
      if (index > 0) return takeAll(connection);
      await connection.envelope();
      await connection.content();
      late.push(connection);
      await hang();
    });
    const time = skippableTime();
    const channel = open([provider(server.port)]);
    const sending = channel.send(request());
    await vi.waitFor(() => expect(late).toHaveLength(1), patience);
    time.skip(sendDeadlineMs);
    expect(outcomes(await sending)).toEqual(["unknown/timeout"]);
    late[0]!.write("250 taken after all");
    expect(outcomes(await channel.send(request("later@example.org")))).toEqual(["sent"]);
  });

  it("that answers nonsense is left", async () => {
    const server = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await connection.line();
      connection.write("what?");
      await hang();
    });
    const channel = open([provider(server.port)]);
    expect(outcomes(await channel.send(request()))).toEqual(["transient/connection"]);
  });

  it.each([
    ["refuses to talk", "554 no", "transient/connection"],
    ["is too busy to talk", "421 busy", "transient/connection"],
    ["says nothing", "", "transient/timeout"],
  ])("that %s has not got the message", async (_, greeting, expected) => {
    const server = await serve(async (connection) => {
      if (greeting) connection.write(greeting);
      await hang();
    });
    const channel = open([provider(server.port)], greeting ? {} : shortly);
    expect(outcomes(await channel.send(request()))).toEqual([expected]);
  });

  it("that is not there has not got the message", async () => {
    const channel = open([provider(await closedPort())]);
    expect(outcomes(await channel.send(request()))).toEqual(["transient/connection"]);
  });

  it("without SMTPUTF8 cannot take a recipient beyond ASCII, while it takes the others", async () => {
    const server = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await takeAll(connection);
    });
    const channel = open([provider(server.port)]);
    const results = await Promise.all([
      channel.send(request("änn@example.org")),
      channel.send(request()),
    ]);
    expect(results.map(outcomes)).toEqual([["permanent/smtp_5xx"], ["sent"]]);
  });

  it("keeps a message that finds no free connection no longer than the deadline", async () => {
    const server = await serve(async (connection) => {
      await connection.greet();
      await hang();
    });
    const time = skippableTime();
    const channel = open([provider(server.port)]);
    const sending = Array.from({ length: 40 }, () => channel.send(request()));
    await vi.waitFor(
      () => expect(server.connections[0]?.chunks.join("")).toContain("MAIL"),
      patience,
    );
    time.skip(sendDeadlineMs);
    expect((await Promise.all(sending)).flatMap(outcomes)).toEqual(
      Array.from({ length: 40 }, () => "transient/timeout"),
    );
  });
});
