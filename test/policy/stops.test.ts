import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { answerOf, createClient } from "../../api/client/index.ts";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { patience } from "../support/patience.ts";
import { type MailServer, startMailServer } from "./mail-server.ts";

let server: MailServer;
let stack: TemporaryStack;
let api: ReturnType<typeof createClient>["v1"];

beforeAll(async () => {
  server = await startMailServer("first");
  stack = await startTemporaryStack({
    environment: { ...process.env },
    workers: 2,
    smtpUrl: server.url,
  });
  api = createClient({ url: stack.urls.api, apiKey: stack.apiKey }).v1;
  await answerOf(
    api.templates.$post({
      header: {},
      json: {
        key: "event",
        name: "Event",
        content: {
          email: { subject: "Event {{ n }}", html: "<p>(event {{ n }})</p>" },
          in_app: { title: "Event {{ n }}", body: "It has happened." },
        },
      },
    }),
  );
  // No limit stands in the way.
  const limits = { perMinute: 10_000, perHour: 10_000, perDay: 10_000 };
  await answerOf(
    api.policy.$patch({
      header: { "if-match": "*" },
      json: { limits, preferences: { maxPerHour: 1_000 } },
    }),
  );
  for (const recipient of people)
    await answerOf(
      api.recipients[":recipient"].$put({
        param: { recipient },
        json: { email: `${recipient}@example.org` },
      }),
    );
});

afterAll(async () => {
  await stack?.stop();
  await server?.stop();
});

const people = Array.from({ length: 5 }, (_, index) => `p${index}`);
const becomes = (assertion: () => void | Promise<void>) =>
  vi.waitFor(assertion, { ...patience, interval: 300 });

async function notify(n: number, channel: "email" | "in_app" = "email"): Promise<void> {
  const route = { stages: [{ via: [channel] }] };
  await answerOf(
    api.notifications.$post({
      header: {},
      json: { recipients: people, template: { key: "event" }, data: { n }, route },
    }),
  );
}

const gate = { kind: "channel", name: "email" };
const stopFor = (ms: number) =>
  answerOf(
    api.gates[":kind"][":name"].stop.$put({
      param: gate,
      json: { until: new Date(Date.now() + ms).toISOString(), reason: "a test" },
    }),
  );
const waiting = async () => {
  const { items } = await answerOf(api.queues.$get({ query: { by: "channel" } }));
  return items.reduce((sum, item) => sum + item.waiting + item.sending, 0);
};
const arrived = (n: number) =>
  server.mails.filter(({ text }) => text.includes(`(event ${n})`)).length;

/** The different states of the newest deliveries that match a filter. */
async function statuses(filter: "channel" | "status", value: string): Promise<string[]> {
  const query = { [filter]: value, limit: "100" };
  const { items } = await answerOf(api.deliveries.$get({ query }));
  return [
    ...new Set(
      items.map(({ status, attemptCount }) =>
        status === "pending" && attemptCount === 0 ? "pending without an attempt" : status,
      ),
    ),
  ];
}

it("nothing leaves while a channel is stopped, whichever worker dies, and everything once it opens", async () => {
  await notify(1);
  await becomes(() => expect(arrived(1)).toBe(people.length));
  await stopFor(3_600_000);
  const stoppedAt = Date.now();
  // Workers read the gates every second.
  await becomes(async () => {
    await notify(2);
    expect(Date.now() - stoppedAt).toBeGreaterThan(3_000);
    expect(await waiting()).toBeGreaterThan(0);
  });
  await notify(3);
  await Promise.all([stack.kill("worker", 0), stack.kill("worker", 1)]);
  await notify(4);
  await stack.restart("worker", 0);
  await stack.restart("worker", 1);
  // What another channel sends shows that the workers run again.
  await notify(5, "in_app");
  await becomes(async () => expect(await statuses("channel", "in_app")).toEqual(["delivered"]));
  expect([arrived(3), arrived(4)]).toEqual([0, 0]);
  expect(await statuses("status", "pending")).toEqual(["pending without an attempt"]);

  await answerOf(api.gates[":kind"][":name"].stop.$delete({ param: gate }));
  await becomes(async () => expect(await waiting()).toBe(0));
  expect([arrived(3), arrived(4)]).toEqual([people.length, people.length]);
  expect(new Set(server.mails.map(({ messageId }) => messageId)).size).toBe(server.mails.length);
});

it("a stop ends by itself", async () => {
  await stopFor(6_000);
  const stoppedAt = Date.now();
  await becomes(async () => {
    await notify(6);
    expect(Date.now() - stoppedAt).toBeGreaterThan(3_000);
  });
  await notify(7);
  await becomes(() => expect(arrived(7)).toBe(people.length));
  const [first] = server.mails.filter(({ text }) => text.includes("(event 7)"));
  expect(first!.at).toBeGreaterThan(stoppedAt + 5_500);
});
