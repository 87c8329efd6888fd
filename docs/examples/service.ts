// A service that notifies its customers through Tidings, over the typed client. Run it with TIDINGS (the URL) and
// TIDINGS_API_KEY (a key with the role sender): node service.ts, with Node 22.18 or newer, or compiled. "npm install <folder of
// Tidings>" installs the client; TypeScript needs skipLibCheck, because it sees the packages of Tidings itself.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type AnswerOf, answerOf, ApiProblem, createClient } from "tidings/client";

const { TIDINGS: url = "http://127.0.0.1:8080", TIDINGS_API_KEY: apiKey = "" } = process.env;

// All requests of this run have one id, which is in the logs, in the audit trail and on the notification.
const requestId = `order-service-${randomUUID()}`;
const tidings = createClient({ url, apiKey, requestId: () => requestId });

// Recipients keep the ids that this service already has for them. A second PUT replaces the recipient.
for (const [id, name] of [
  ["customer/17", "Ada"],
  ["customer/42", "Grace"],
] as const) {
  await answerOf(
    tidings.v1.recipients[":recipient"].$put({
      param: { recipient: id },
      json: { email: `${name.toLowerCase()}@example.org`, attributes: { name, plan: "pro" } },
    }),
  );
}

// A template is created once. A second request is answered with 409 and changes nothing.
const key = "order-shipped-example";
try {
  await answerOf(
    tidings.v1.templates.$post({
      header: {},
      json: {
        key,
        name: "Order shipped",
        content: {
          email: {
            subject: "Order {{ order }} is on its way",
            html: "<p>Hello {{ recipient.attributes.name }}, {{ order }} is on its way.</p>",
          },
        },
        variables: {
          type: "object",
          properties: { order: { type: "string" } },
          required: ["order"],
        },
      },
    }),
  );
} catch (error) {
  if (!(error instanceof ApiProblem && error.status === 409)) throw error;
}

// One notification. The key identifies the order and its event, not the request: however often this runs, it is sent once.
const { id: notification } = await answerOf(
  tidings.v1.notifications.$post({
    header: { "idempotency-key": "order-A-17-shipped" },
    json: { recipients: ["customer/17"], template: { key }, data: { order: "A-17" } },
  }),
);

// A campaign to all customers of a plan. It is a draft until it is started.
const campaign = await answerOf(
  tidings.v1.campaigns.$post({
    header: { "idempotency-key": "spring-campaign" },
    json: {
      name: "Spring",
      template: { key },
      data: { order: "of this spring" },
      audience: { where: { attribute: "plan", equals: "pro" } },
    },
  }),
);
await answerOf(
  tidings.v1.campaigns[":id"].start.$post({
    param: { id: campaign.id },
    json: {},
    header: { "idempotency-key": "spring-campaign-start" },
  }),
);

/** Repeats the request until `ended` returns true for the answer. */
async function waitFor<Answer>(request: () => Promise<Answer>, ended: (answer: Answer) => boolean) {
  for (;;) {
    const answer = await request();
    if (ended(answer)) return answer;
    await sleep(200);
  }
}

type Notification = AnswerOf<(typeof tidings.v1.notifications)[":id"]["$get"]>;
const isOpen = ({ counts }: Notification) => counts.pending + counts.sending > 0;

const sent = await waitFor(
  () => answerOf(tidings.v1.notifications[":id"].$get({ param: { id: notification } })),
  (answer) => !isOpen(answer),
);
await waitFor(
  () => answerOf(tidings.v1.campaigns[":id"].$get({ param: { id: campaign.id } })),
  ({ status }) => status === "completed",
);
const account = await answerOf(
  tidings.v1.campaigns[":id"].reconciliation.$get({ param: { id: campaign.id } }),
);

process.stdout.write(
  `${JSON.stringify({ requestId, notification: sent.counts, campaign: account }, null, 2)}\n`,
);
