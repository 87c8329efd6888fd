import { MockActivityEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createPublishEvents } from "../../activities/publish-events.ts";
import { createGates } from "../../ledger/gates.ts";
import { populate } from "../api/populated.ts";
import { useConsole } from "../support/console-pages.ts";
import { listen } from "../support/listening.ts";
import { loopbackHttp, subnets } from "../support/outbound.ts";
import { patience } from "../support/patience.ts";
import { addEndpoint } from "../support/webhook-endpoint.ts";

let receiver: Awaited<ReturnType<typeof listen>>;
let answers = 204;
const kinds: string[] = [];
let stop: () => Promise<void>;

const world = useConsole(
  async (api) => {
    await populate(api);
    await addEndpoint(api, { description: "an old service", disabledReason: "gone" });
  },
  async () => {
    receiver = await listen(async (request) => {
      const { events } = (await request.json()) as { events: { kind: string }[] };
      kinds.push(...events.map(({ kind }) => kind));
      return new Response(answers === 204 ? null : "<b>busy</b>", { status: answers });
    });
    const ports = [Number(new URL(receiver.url).port)];
    return { outbound: { privateSubnets: subnets("127.0.0.1/32"), ports, plain: false } };
  },
);

beforeAll(() => {
  const { pool, sealer } = world.api;
  const environment = new MockActivityEnvironment();
  const activity = createPublishEvents({
    pool,
    gates: createGates(pool),
    receiver: null,
    http: loopbackHttp(receiver.url),
    sealer,
    retry: { baseMs: 60_000, capMs: 60_000, attempts: 5 },
    sweepMs: 50,
  });
  const running = environment.run(activity) as Promise<void>;
  stop = async () => {
    environment.cancel("WORKER_SHUTDOWN");
    await running;
    await receiver.close();
  };
});
afterAll(() => stop());

it("webhooks are created with a secret that is shown once, tried, filtered, rotated, switched off and deleted", async () => {
  const page = await world.open("settings?tab=webhooks");
  await page.getByRole("row", { name: /an old service.*Switched off/ }).waitFor();
  await page.getByRole("button", { name: "Create a webhook" }).click();
  const create = page.getByRole("dialog", { name: "Create a webhook" });
  await create.getByLabel("Name").fill("billing service");
  await create.getByLabel("URL").fill("http://10.0.0.1/hook");
  await create.getByRole("button", { name: "Create the webhook" }).click();
  await create.getByText("cannot be used").waitFor();
  await create.getByLabel("URL").fill(`${receiver.url}/hook`);
  await create.getByLabel("Clicked").check();
  await create.getByRole("button", { name: "Create the webhook" }).click();
  const shown = page.getByRole("dialog", { name: "The secret of billing service" });
  const secret = (await shown.locator("code").textContent())!;
  expect(secret).toMatch(/^whsec_[\w+/]{43}=$/);
  await shown.getByLabel("I have stored the secret").check();
  await shown.getByRole("button", { name: "Done" }).click();
  await shown.waitFor({ state: "detached" });
  expect(await page.content()).not.toContain(secret);

  await page.getByRole("link", { name: "billing service" }).click();
  await page.getByText("Not used yet").waitFor();
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByRole("row", { name: /Accepted/ }).waitFor();
  await expect.poll(() => kinds, patience).toEqual(["webhook.test"]);
  answers = 503;
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("<b>busy</b>").waitFor();
  await page.getByText("Failing", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Outcome" }).click();
  await page.getByRole("checkbox", { name: "Accepted" }).check();
  await page.getByText("<b>busy</b>").waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  expect(page.url()).toContain("outcome=taken");

  await page.getByRole("button", { name: "Send events again…" }).click();
  await page.getByRole("button", { name: "Send them again" }).click();
  await page.getByText("No events in this time match the webhook.").waitFor();
  await page.getByRole("button", { name: "Rotate the secret…" }).click();
  await page.getByRole("button", { name: "Make a new secret" }).click();
  await shown.getByLabel("I have stored the secret").check();
  await shown.getByRole("button", { name: "Done" }).click();
  await page.getByText("Two secrets sign until").waitFor();
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByText("It was switched off.").waitFor();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Delete the webhook" }).click();
  await page.getByRole("button", { name: "Create a webhook" }).waitFor();
  await page.getByRole("link", { name: "billing service" }).waitFor({ state: "detached" });
});

it("a viewer reads that the role does not include webhooks", async () => {
  const page = await world.open("settings?tab=webhooks", { as: "viewer" });
  await page.getByText("Your role does not include the webhooks").waitFor();
});
