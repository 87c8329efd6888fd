// A service that has Tidings tell its customers things, over the typed client. Run with TIDINGS (the URL) and
// TIDINGS_API_KEY (a key of the role sender): node service.ts, with Node 22.18 or newer, or compiled. "npm install <folder of
// Tidings>" puts the client among a service's packages; TypeScript needs skipLibCheck, as it sees Tidings' own packages.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type AnswerOf, answerOf, ApiProblem, createClient } from "tidings/client";

const { TIDINGS: url = "http://127.0.0.1:8080", TIDINGS_API_KEY: apiKey = "" } = process.env;

// Every request of this run bears one id: in Tidings' logs and audit trail, and on what it makes.
const requestId = `order-service-${randomUUID()}`;
const tidings = createClient({ url, apiKey, requestId: () => requestId });

// Recipients go by the ids that they have here already; to put one again replaces it.
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

// A template is made once. Whoever comes second is told so, and adds nothing.
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

// One notification. The key is of what happened, not of the request: however often this runs, it is sent once.
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
    header: { "idempotency-key": "spring-campaign-start" },
  }),
);

/** Asks again and again until `ended` holds of the answer. */
async function waitFor<Answer>(ask: () => Promise<Answer>, ended: (answer: Answer) => boolean) {
  for (;;) {
    const answer = await ask();
    if (ended(answer)) return answer;
    await sleep(200);
  }
}

type Notification = AnswerOf<(typeof tidings.v1.notifications)[":id"]["$get"]>;
const isOpen = ({ counts }: Notification) => counts.pending + counts.sending > 0;

const told = await waitFor(
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
  `${JSON.stringify({ requestId, notification: told.counts, campaign: account }, null, 2)}\n`,
);
