import { expect, it } from "vitest";
import { populate } from "../api/populated.ts";
import { makeKey } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";

const hostile = `<img src=x onerror="alert(1)">`;
const script = "javascript:alert(1)";
let failed: string;
let recipient: string;

const world = useConsole(async (api) => {
  await populate(api);
  failed = (await api.send("GET", "/v1/deliveries?status=failed")).body.items[0].id;
  const key = await makeKey(api, { role: "sender", name: hostile });
  await api.send(
    "POST",
    "/v1/segments",
    { key: "hostile", name: hostile, filter: { attribute: script, equals: hostile } },
    { authorization: `Bearer ${key.secret}` },
  );
  await api.send("POST", "/v1/views", { name: hostile, path: "/queue", isShared: true });
  const { body } = await api.send("PUT", "/v1/recipients/hostile", {
    email: "hostile@example.org",
    attributes: { name: hostile, [hostile]: script },
  });
  recipient = body.id;
  await api.send("POST", "/v1/templates", {
    key: "hostile",
    name: hostile,
    content: {
      email: {
        subject: hostile,
        html: `<a href="${script}">press</a>${hostile}<script>parent.x = 1; alert(1)</script>`,
      },
    },
  });
  await api.prisma
    .$executeRaw`UPDATE campaigns SET name = ${`${script} ${hostile}`}, pause_detail = ${hostile} WHERE status = 'paused'`;
  await api.prisma.$executeRaw`UPDATE attempts SET response = ${`550 ${hostile}`}`;
});

it("hostile texts are shown as text everywhere, and nothing runs", async () => {
  const page = await world.open("settings?tab=keys");
  let alerts = 0;
  page.on("dialog", (alert) => {
    alerts += 1;
    void alert.dismiss();
  });
  const showsText = async (expected: string) => {
    await page.getByText(expected).first().waitFor();
    const live = `img[src="x"], [onerror], a[href^="javascript:" i]`;
    expect([page.url(), await page.locator(live).count()]).toEqual([page.url(), 0]);
  };
  await showsText(hostile);
  for (const [path, expected] of [
    ["", hostile],
    ["settings?tab=views", hostile],
    ["campaigns", script],
    ["templates", hostile],
    [`deliveries/${failed}`, `550 ${hostile}`],
    [`deliveries?why=${failed}`, hostile],
    [`recipients/${recipient}?tab=profile`, hostile],
    ["audit?resource=hostile", hostile],
  ] as const) {
    await page.goto(world.url + path);
    await showsText(expected);
  }
  await page.locator("tbody tr[id] button").last().click();
  await showsText(script);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or go to" }).fill("img src");
  await page.getByRole("option", { name: hostile }).first().waitFor();
  await showsText(hostile);
  expect(alerts).toBe(0);
});

it("the HTML of a message is shown where none of its scripts runs", async () => {
  const page = await world.open("templates/hostile");
  const link = page.frameLocator("iframe").getByText("press");
  await link.click();
  await link.waitFor();
  expect(await page.evaluate("'x' in window")).toBe(false);
  // The policy of the frame refuses the handler, the address of the link, and an image from elsewhere. It says so in the console.
  const refused = / violates the following Content Security Policy directive/;
  await expect.poll(() => world.complaints.length).toBeGreaterThan(1);
  expect(world.complaints.filter((one) => !refused.test(one))).toEqual([]);
  world.complaints = [];
});
