import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hang, open, serve, takeAll } from "./conversation.ts";
import { channelTo, outcomes, provider, request } from "./email-channel.ts";
import { deliverRows, guarantees, rowsOf, type Guarantee } from "./delivered-rows.ts";
import {
  occasions,
  startOutOfStepServer,
  type Disturbance,
  type Occasion,
} from "./out-of-step-server.ts";

interface Conversation {
  disturb: Disturbance;
  pipelining: boolean;
  guarantee: Guarantee;
  together?: boolean;
  recipients?: readonly string[];
  connections?: number;
  /** Short where the server leaves a reply out. */
  sendDeadlineMs?: number;
}

const soonMs = 60;

const fourRecipients = ["a@example.org", "b@example.org", "c@example.org", "d@example.org"];

/** Delivers to each recipient, and says how the rows ended and what the server knows of them. */
async function converse({
  disturb,
  pipelining,
  guarantee,
  together = false,
  recipients = fourRecipients,
  connections = 1,
  sendDeadlineMs = 5_000,
}: Conversation) {
  const extensions = pipelining ? ["PIPELINING"] : [];
  const server = await startOutOfStepServer({ extensions, together, disturb });
  const channel = channelTo([provider(server.port, { connections })], { sendDeadlineMs });
  const rows = await deliverRows(channel, recipients, guarantee);
  await channel.close();
  await server.close();
  const { received, accepted } = server;
  return { rows, received, accepted, connections: server.connections.length };
}

type Outcome = Awaited<ReturnType<typeof converse>>;

const without = (all: readonly string[], known: readonly string[]) =>
  all.filter((one) => !known.includes(one));

/** What holds whatever the server says. */
function expectHonesty({ rows, received, accepted }: Outcome, guarantee: Guarantee): void {
  expect(without(rowsOf(rows, "sent"), received)).toEqual([]);
  if (guarantee === "at_least_once") return;
  // What may have been taken is neither sent again nor called undelivered.
  expect(new Set(accepted).size).toBe(accepted.length);
  expect(
    accepted.filter((recipient) => !["sent", "unknown"].includes(rows.get(recipient)!)),
  ).toEqual([]);
}

/** Each way to say more than is due, or something else; `honest` is what is due. */
const insertions: Record<string, (honest: string) => string[]> = {
  "the same again in one packet": (honest) => [honest + honest],
  "the same again a moment later": (honest) => [honest, honest],
  "250 before it in one packet": (honest) => [`250 stray\r\n${honest}`],
  "250 a moment before it": (honest) => ["250 stray\r\n", honest],
  "250 after it in one packet": (honest) => [`${honest}250 stray\r\n`],
  "250 a moment after it": (honest) => [honest, "250 stray\r\n"],
  "two 250 after it": (honest) => [honest, "250 stray\r\n", "250 stray\r\n"],
  "half of a 250 after it": (honest) => [`${honest}250 st`, "ray\r\n"],
  "half of a 250 before it": (honest) => ["250 st", `ray\r\n${honest}`],
  "354 before it": (honest) => ["354 stray\r\n", honest],
  "354 after it": (honest) => [honest, "354 stray\r\n"],
  "220 before it": (honest) => ["220 stray\r\n", honest],
  "150 before it": (honest) => ["150 wait\r\n", honest],
  "a line without a code after it": (honest) => [`${honest}queued as 1\r\n`],
  "250- and then its own code": (honest) => [`250-stray\r\n${honest}`],
  "354- and then its own code": (honest) => [`354-stray\r\n${honest}`],
  "421 after it, and closes": (honest) => [honest, "421 closing\r\n"],
  "421 instead, and closes": () => ["421 closing\r\n"],
  nothing: () => [],
};

/** Each occasion, disturbed from its first or its second time on each connection. */
const disturbed = occasions.flatMap((at) =>
  (at === "greeting" || at === "EHLO" ? [1] : [1, 2]).map((from) => ({ at, from })),
);

describe.each([
  ["with pipelining", true],
  ["without pipelining", false],
])("a server whose replies are one off, %s,", (_, pipelining) => {
  describe.each(guarantees)("%s", (guarantee) => {
    it.each(Object.entries(insertions))(
      "has received whatever is called sent, wherever it says %s",
      async (name, edit) => {
        const outcomes = await Promise.all(
          disturbed.map(({ at, from }) =>
            converse({
              pipelining,
              guarantee,
              ...(name === "nothing" ? { sendDeadlineMs: soonMs } : {}),
              recipients: ["a@example.org", "refused@example.org", "b@example.org"],
              disturb: (occasion, honest, nth) =>
                occasion === at && nth >= from ? edit(honest) : [honest],
            }),
          ),
        );
        for (const outcome of outcomes) expectHonesty(outcome, guarantee);
      },
    );

    it.each([200, 220, 250, 251, 334, 399])(
      "is given no content, and nothing is called sent, where it answers DATA with %i",
      async (code) => {
        const disturb: Disturbance = (occasion, honest) =>
          occasion === "DATA" ? [`${code} ok\r\n`] : [honest];
        const { rows, received } = await converse({ disturb, pipelining, guarantee });
        expect(received).toEqual([]);
        // It surely was not taken: it was tried again, and never became unknown.
        expect(rowsOf(rows, "sent", "unknown")).toEqual([]);
      },
    );

    it.each([150, 220, 221, 235, 354])(
      "leaves it unknown what it took where it answers the dot with %i",
      async (code) => {
        const disturb: Disturbance = (occasion, honest) =>
          occasion === "dot" ? [`${code} ok\r\n`] : [honest];
        const outcome = await converse({ disturb, pipelining, guarantee });
        expect(rowsOf(outcome.rows, "sent")).toEqual([]);
        expect(outcome.received).not.toEqual([]);
        expectHonesty(outcome, guarantee);
      },
    );

    it.each([354, 220])("has not taken what it answers MAIL or RCPT of with %i", async (code) => {
      for (const at of ["MAIL", "RCPT"]) {
        const disturb: Disturbance = (occasion, honest) =>
          occasion === at ? [`${code} ok\r\n`] : [honest];
        const { rows, received } = await converse({ disturb, pipelining, guarantee });
        expect(received).toEqual([]);
        expect(rowsOf(rows, "sent", "unknown")).toEqual([]);
      }
    });

    it("is sent everything once where it only puts blank lines before its replies", async () => {
      const disturb: Disturbance = (occasion, honest) =>
        occasion === "greeting" ? [honest] : [`\r\n`, `\r\n${honest}`];
      const outcome = await converse({ disturb, pipelining, guarantee });
      expect(rowsOf(outcome.rows, "sent")).toEqual(fourRecipients);
      expect(outcome.received.toSorted()).toEqual(fourRecipients);
      expect(outcome.connections).toBe(1);
    });

    it.each([
      ["in one packet", (honest: string) => [honest + honest]],
      ["a moment apart", (honest: string) => [honest, honest]],
    ])(
      "gets a campaign over several connections, if it answers dots twice %s",
      async (__, twice) => {
        const recipients = Array.from({ length: 50 }, (___, index) => `r${index}@example.org`);
        const disturb: Disturbance = (occasion, honest) =>
          occasion === "dot" ? twice(honest) : [honest];
        const outcome = await converse({
          disturb,
          pipelining,
          guarantee,
          recipients,
          connections: 3,
        });
        expectHonesty(outcome, guarantee);
        // A first reply is right: nothing that was taken is in doubt, or sent again.
        const sent = rowsOf(outcome.rows, "sent");
        expect(outcome.received.toSorted()).toEqual(sent.toSorted());
        expect(sent.length + rowsOf(outcome.rows, "failed").length).toBe(recipients.length);
        expect(sent.length).toBeGreaterThan(0);
      },
    );
  });
});

describe("a server that says yes before it can have the content", () => {
  const early: Disturbance = (occasion, honest, nth) =>
    occasion === "DATA" && nth === 1 ? [`${honest}250 early\r\n`] : [honest];

  it.each([true, false])("may have it or not: pipelining %s", async (pipelining) => {
    const { rows } = await converse({
      pipelining,
      guarantee: "at_most_once",
      recipients: ["a@example.org"],
      disturb: early,
    });
    expect([...rows.values()]).toEqual(["unknown"]);
  });

  it.each([
    ["PIPELINING", ["PIPELINING"]],
    ["no extensions", []],
  ])("has not got what is still being written, with %s", async (_, extensions) => {
    const server = await serve(async (connection) => {
      await connection.greet(...extensions);
      await connection.envelope();
      connection.socket.pause();
      connection.write("250 early");
      await hang();
    });
    // The sockets in between may swallow some of it, but not all of this.
    const content = { email: { subject: "x", html: "{{ body }}" } };
    const data = { body: "x".repeat(1_900_000) };
    const channel = open([provider(server.port)]);
    const result = await channel.send(
      request("a@example.org", { content, templateVersionId: "long", data }),
    );
    expect(outcomes(result)).toEqual(["transient/connection"]);
    expect(server.connections).toHaveLength(2);
  });
});

describe("a server with a mail's envelope behind the content of another", () => {
  const recipients = ["bounced@example.org", "a@example.org"];
  const settings = { pipelining: true, guarantee: "at_most_once", recipients } as const;

  it.each<[string, Occasion, (honest: string) => string[]]>([
    ["says yes on its own before its no", "DATA", (honest) => [honest, "250 early\r\n"]],
    ["never says its no", "dot", () => []],
  ])("has not accepted the content if it %s", async (_, at, edit) => {
    let done = false;
    const disturb: Disturbance = (occasion, honest) => {
      if (done || occasion !== at) return [honest];
      done = true;
      return edit(honest);
    };
    const { rows, accepted } = await converse({ ...settings, disturb });
    expect(Object.fromEntries(rows)).toEqual({
      "bounced@example.org": "unknown",
      "a@example.org": "sent",
    });
    expect(accepted).toEqual(["a@example.org"]);
  });

  it("has accepted the content if it only hangs up after its yes", async () => {
    const server = await serve(async (connection, index) => {
      await connection.greet("PIPELINING");
      if (index > 0) return takeAll(connection);
      await connection.envelope();
      await connection.content();
      connection.write("250 taken");
      connection.hangUp();
    });
    const rows = await deliverRows(open([provider(server.port)]), fourRecipients, "at_most_once");
    expect(rowsOf(rows, "sent")).toEqual(fourRecipients);
  });
});

/** How a reply is changed on its way out. Inserted replies are yes or neither yes nor no: a false no is a refusal like any. */
const change = fc.oneof(
  fc.record({
    kind: fc.constantFrom("before" as const, "after" as const, "instead" as const),
    code: fc.constantFrom(250, 354, 220, 251, 150),
    apart: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("twice" as const), code: fc.constant(0), apart: fc.boolean() }),
  fc.record({ kind: fc.constant("dropped" as const), code: fc.constant(0), apart: fc.boolean() }),
);
type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never;

function applyChange({ kind, code, apart }: Change, honest: string): string[] {
  const stray = `${code} stray\r\n`;
  const packets = {
    before: [stray, honest],
    after: [honest, stray],
    instead: [stray],
    twice: [honest, honest],
    dropped: [],
  }[kind];
  return apart || packets.length === 0 ? packets : [packets.join("")];
}

/** Cuts what is written into packets of so many characters, for as long as there are numbers. */
function cutPackets(packets: readonly string[], sizes: readonly number[]): string[] {
  let next = 0;
  return packets.flatMap((packet) => {
    const pieces: string[] = [];
    let rest = packet;
    for (; next < sizes.length && rest.length > sizes[next]!; next += 1) {
      pieces.push(rest.slice(0, sizes[next]));
      rest = rest.slice(sizes[next]);
    }
    return [...pieces, rest];
  });
}

describe("a server that is off at random", () => {
  const names = fc.constantFrom("a", "refused", "bounced");
  it("has received and accepted whatever is called sent", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          changes: fc.array(
            fc.record({
              at: fc.constantFrom(...occasions),
              nth: fc.integer({ min: 1, max: 2 }),
              change,
            }),
            { minLength: 1, maxLength: 2 },
          ),
          sizes: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }),
          pipelining: fc.boolean(),
          together: fc.boolean(),
          guarantee: fc.constantFrom(...guarantees),
          recipients: fc.array(names, { minLength: 1, maxLength: 5 }),
        }),
        async ({ changes, sizes, recipients, ...settings }) => {
          const stalls = changes.some(({ change: { kind } }) => kind === "dropped");
          const outcome = await converse({
            ...settings,
            ...(stalls ? { sendDeadlineMs: soonMs } : {}),
            recipients: recipients.map((name, index) => `${name}${index}@example.org`),
            disturb: (occasion, honest, count) => {
              const made = changes.find(({ at, nth }) => at === occasion && nth === count);
              return made ? cutPackets(applyChange(made.change, honest), sizes) : [honest];
            },
          });
          expectHonesty(outcome, settings.guarantee);
          // An acceptance instead of a refusal of a content cannot be detected; nor one before it, if no command follows.
          const toContent = changes.some(({ at, change: { kind } }) =>
            at === "dot"
              ? kind === "before" || kind === "instead"
              : at === "DATA" && kind === "after",
          );
          if (changes.length === 1 && !toContent)
            expect(without(rowsOf(outcome.rows, "sent"), outcome.accepted)).toEqual([]);
        },
      ),
      { numRuns: 80 },
    );
  });
});
