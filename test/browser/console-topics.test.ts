import { afterAll, expect, it } from "vitest";
import { seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { startMailWorker } from "../support/mail-worker.ts";
import { patience } from "../support/patience.ts";

let worker: Awaited<ReturnType<typeof startMailWorker>>;
const world = useConsole(
  async (api) => {
    await seed(api, 2);
    worker = await startMailWorker(api);
  },
  async (publicUrl) => ({ publicUrl }),
);
afterAll(() => worker?.stop());

const until = expect.poll;
const mailTo = (address: string) => worker.received.filter(({ to }) => to.includes(address));

/** Passes on what the API of a test only records. */
async function wake(): Promise<void> {
  for (const name of world.api.woken.splice(0))
    if (name.startsWith("cmp_")) await worker.wakeCampaign(name);
    else await worker.wake(name);
}

it("a topic is created, somebody signs up by its form and confirms, gets a campaign, and leaves", async () => {
  const page = await world.open("topics");
  await page.getByText("No topics yet").waitFor();
  await page.getByRole("button", { name: "Create a topic" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("Harvest news");
  await dialog.getByLabel("Key").fill("Bad key");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("must be 1 to 100 of a-z").waitFor();
  await dialog.getByLabel("Key").fill("harvest");
  await dialog.getByLabel("Names for recipients").fill("de: Neues vom Hof");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: /Harvest news/ }).waitFor();
  await page.getByText("No subscribers yet").waitFor();
  const form = await page.getByRole("link", { name: /\/s\/harvest/ }).getAttribute("href");

  // A visitor with a phone, without JavaScript.
  const visitor = await page
    .context()
    .browser()!
    .newContext({
      viewport: { width: 320, height: 640 },
      javaScriptEnabled: false,
      locale: "de-AT",
    });
  const stranger = await visitor.newPage();
  await stranger.goto(form!);
  expect(await stranger.locator("html").getAttribute("lang")).toBe("de");
  await stranger.getByLabel("E-Mail-Adresse").fill("ada.lovelace@example.org");
  await stranger.getByLabel("Name (freiwillig)").fill("Ada");
  await until(
    async () => {
      // Anybody who is too fast is asked to send it again.
      const send = stranger.getByRole("button", { name: "Anmelden" });
      if (await send.isVisible()) await send.click();
      return stranger.getByRole("heading").textContent();
    },
    { ...patience, interval: 1_000 },
  ).toBe("Bitte prüfen Sie Ihre E-Mails");
  await wake();
  await until(() => mailTo("ada.lovelace@example.org").length, patience).toBe(1);
  const [confirmation] = mailTo("ada.lovelace@example.org");
  expect(confirmation!.email.subject).toBe("Bitte bestätigen Sie Ihre Anmeldung");
  expect(confirmation!.email.text).toContain("- Neues vom Hof");
  expect(confirmation!.raw.toString()).not.toContain("List-Unsubscribe");
  const link = /http\S+\/c\/[\w-]+/.exec(confirmation!.email.text!)![0];

  // The message that is shown to operators does not have the link.
  const [sent] = (await world.api.send("GET", "/v1/deliveries")).body.items;
  const shown = await world.api.send("GET", `/v1/deliveries/${sent.id}/message`);
  expect(shown.status).toBe(200);
  expect(JSON.stringify(shown.body)).not.toContain("/c/");

  await stranger.goto(link);
  await page.reload();
  await page.getByRole("cell", { name: "Pending" }).waitFor();
  await stranger.getByRole("button", { name: "Bestätigen" }).click();
  await stranger.getByText("Sie erhalten Nachrichten zu „Neues vom Hof“.").waitFor();
  await page.reload();
  await page.getByRole("cell", { name: "Subscribed" }).waitFor();
  await page.getByRole("link", { name: /^Consent of sign-up-/ }).click();
  const consent = page.getByRole("dialog", { name: "Consent" });
  await consent.getByRole("heading", { name: "Confirmed", exact: true }).waitFor();
  await consent.getByText(form!, { exact: true }).waitFor();
  await page.keyboard.press("Escape");

  // A campaign to the topic.
  await page.getByRole("button", { name: "Add a subscriber" }).click();
  await page.getByPlaceholder("Id, email address or phone").fill("u1@example.org");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: /u1/ }).click();
  await page.getByText("is asked for confirmation by email").waitFor();
  const campaign = {
    name: "Harvest",
    template: { key: "order-shipped" },
    data: { order: "Apples" },
    // Others are in the audience too: the topic decides.
    audience: { all: true },
    topic: "harvest",
  };
  const start = async () => {
    const { id } = (await world.api.send("POST", "/v1/campaigns", campaign)).body;
    await world.api.send("POST", `/v1/campaigns/${id}/start`);
    await wake();
    await until(
      async () => (await world.api.send("GET", `/v1/campaigns/${id}`)).body.status,
      patience,
    ).toBe("completed");
    const { items } = (await world.api.send("GET", `/v1/deliveries?campaign=${id}`)).body;
    return (items as { status: string; reason: string | null; id: string }[]).toSorted((a, b) =>
      a.status.localeCompare(b.status),
    );
  };
  const first = await start();
  expect(first.map(({ status, reason }) => [status, reason])).toEqual([
    ["sent", null],
    ["suppressed", "not_subscribed"],
    ["suppressed", "not_subscribed"],
  ]);
  const [, mail] = mailTo("ada.lovelace@example.org");
  const headers = Object.fromEntries(mail!.email.headers.map(({ key, value }) => [key, value]));
  expect(headers["list-id"]).toMatch(/^<harvest\./);
  const leave = /<(http[^>]+)>/.exec(headers["list-unsubscribe"]!)![1]!;
  const why = await world.api.send("GET", `/v1/deliveries/${first[1]!.id}/explanation`);
  expect(why.body.summary).toContain("the recipient is not subscribed to the topic");
  expect(why.body.consistent).toBe(true);

  // One click ends the subscription to the topic, and nothing else.
  await fetch(new URL(new URL(leave).pathname, world.url), {
    method: "POST",
    body: new URLSearchParams("List-Unsubscribe=One-Click"),
  });
  expect((await start()).map(({ status }) => status)).toEqual([
    "suppressed",
    "suppressed",
    "suppressed",
  ]);
  expect((await world.api.send("GET", "/v1/suppressions")).body.items).toEqual([]);
  await page.reload();
  await page.getByRole("cell", { name: "Unsubscribed" }).waitFor();
  await visitor.close();
});

it("the builder sends to a topic, and a viewer changes nothing", async () => {
  const page = await world.open("campaigns/new");
  await page.getByLabel("Topic", { exact: true }).selectOption("harvest");
  await until(() => page.getByLabel("What the condition is about").inputValue(), patience).toBe(
    "topic",
  );
  expect(await page.getByLabel("Value").inputValue()).toBe("harvest");
  const viewer = await world.open("topics/harvest", { as: "viewer" });
  const edit = viewer.getByRole("button", { name: "Edit" });
  await edit.waitFor();
  expect(await edit.getAttribute("aria-disabled")).toBe("true");
});
