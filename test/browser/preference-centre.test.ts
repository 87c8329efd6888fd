import axe from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { newUuid, parsePublicId } from "../../domain/ids.ts";
import { createPreferenceTokens } from "../../domain/preference-links.ts";
import { createUnsubscribeTokens } from "../../domain/unsubscribing.ts";
import { tokenSecret } from "../api/harness.ts";
import { useConsoleProcess } from "../support/console-process.ts";

let recipientId = "";
const world = useConsoleProcess(async (send) => {
  const { body } = await send("PUT", "/v1/recipients/ada", {
    email: "ada@example.org",
    timeZone: "Europe/London",
    locale: "en-GB",
  });
  recipientId = parsePublicId("recipient", body.id)!;
  const types = [
    {
      key: "deadline",
      name: "task.deadline",
      channels: ["email", "push"],
      public: {
        name: "Deadlines",
        group: "Your tasks",
        description: "A day before a task is due.",
      },
    },
    { key: "team.news", name: "News", public: { group: "Your team" } },
    {
      key: "sign-ins",
      name: "Sign-ins",
      mandatory: true,
      public: { mandatoryReason: "We have to tell you when somebody signs in." },
    },
  ];
  for (const type of types) await send("POST", "/v1/notification-types", type);
  for (const key of ["newsletter", "offers"])
    await send("POST", "/v1/topics", { key, name: `The ${key} of the month`, isPublic: true });
  await send("PUT", "/v1/topics/offers/subscribers/ada", {});
  await send("PATCH", "/v1/recipients/ada/preferences", { maxPerHour: 4 });
});
const link = (madeAt = new Date()) =>
  `../p/${createPreferenceTokens([tokenSecret]).sign({ recipientId, epoch: 0, madeAt })}`;
const stored = async () =>
  (await world.send("GET", "/v1/recipients/ada/preferences")).body.preferences as Record<
    string,
    unknown
  >;
const forget = () => world.send("PUT", "/v1/recipients/ada/preferences", { maxPerHour: 4 });

/** Lists the rules of axe-core that a page violates, with the elements, and says whether something is wider than the page. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate("axe.run(document)")) as axe.AxeResults;
  const width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
  const [content, visible] = width as [number, number];
  return [
    ...found.violations.flatMap(({ id, nodes }) =>
      nodes.map(
        ({ target, failureSummary }) => `${id}: ${target.flat().join(" ")} ${failureSummary}`,
      ),
    ),
    ...(content > visible ? [`the page is ${content} wide`] : []),
  ];
}

describe("the preference centre", () => {
  it("works without a script, on a phone", async () => {
    const page = await world.visit(link(), {
      javaScriptEnabled: false,
      viewport: { width: 320, height: 640 },
    });
    const tasks = page.getByRole("form", { name: "Your tasks" });
    await tasks.getByLabel("Email", { exact: true }).uncheck();
    await tasks.getByRole("button", { name: "Save" }).click();
    await page.locator(".note[role=status]").getByText("Saved.").waitFor();
    expect(await stored()).toMatchObject({ types: { deadline: { email: false } } });
    await page.getByRole("button", { name: "Undo" }).click();
    await page.locator(".note[role=status]").waitFor();
    expect(await stored()).toEqual({ maxPerHour: 4 });

    await page.getByRole("button", { name: "Subscribe: The newsletter of the month" }).click();
    await page.getByText("You are subscribed to “The newsletter of the month”.").waitFor();
    await page.getByRole("button", { name: "Unsubscribe: The newsletter of the month" }).click();
    await page.getByText(/You are no longer subscribed/).waitFor();

    const often = page.locator("#often");
    await often.locator("[name=maxPerHour]").fill("7");
    await often.locator('[name="digest.time"]').fill("08:15");
    await often.getByRole("button", { name: "Save" }).click();
    await often.locator(".note[role=status]").waitFor();
    expect(await stored()).toEqual({ maxPerHour: 7, digest: { time: "08:15" } });
    await often.getByRole("button", { name: /Use theirs again: At most/ }).click();
    await often.locator(".note[role=status]").waitFor();
    expect(await stored()).toEqual({ digest: { time: "08:15" } });

    const dnd = page.locator("#dnd");
    await dnd.locator('[name="dnd.0.day"]').selectOption("friday");
    await dnd.locator('[name="dnd.0.from"]').fill("22:00");
    await dnd.getByRole("button", { name: "Save" }).click();
    await dnd.getByText("Enter a start and an end.").waitFor();
    expect(await dnd.locator('[name="dnd.0.from"]').inputValue()).toBe("22:00");
    await dnd.locator('[name="dnd.0.to"]').fill("08:00");
    await dnd.getByRole("button", { name: "Save" }).click();
    await dnd.locator(".note[role=status]").waitFor();
    expect(await stored()).toMatchObject({
      doNotDisturb: [{ weekday: "friday", start: "22:00", end: "08:00" }],
    });
    await forget();
  });

  it("paints quiet on the grid by keyboard and by pointer, over midnight as one period", async () => {
    const page = await world.visit(link(), { viewport: { width: 1_280, height: 900 } });
    const cell = (name: string) => page.getByRole("gridcell", { name, exact: true });
    const grid = page.getByRole("grid", { name: "Quiet times of the week" });
    await grid.waitFor();
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    // Monday 22:00 to midnight, then Tuesday midnight to 01:00: one period.
    await cell("Monday 22:00 to 22:30, free").focus();
    await press("Shift+End", "Space", "ArrowDown", "Home", "Shift+ArrowRight", "Space");
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe(
      "Tuesday 00:30 to 01:00, quiet",
    );
    const values = () =>
      page
        .locator("[data-periods=dnd] > li")
        .evaluateAll((rows) =>
          (rows as { querySelectorAll?: (selector: string) => Iterable<{ value: string }> }[]).map(
            (row) =>
              [...row.querySelectorAll!("select, input[type=time]")]
                .map(({ value }) => value)
                .join(" "),
          ),
        );
    expect(await values()).toEqual(["monday 22:00 01:00", "monday  "]);
    await page.getByText(/messages wait next from Monday 22:00 to Tuesday 01:00/).waitFor();
    // A day is copied, and a selection of two days is cleared.
    await press("Control+c", "ArrowDown", "ArrowDown", "Control+v");
    await cell("Thursday 00:00 to 00:30, quiet").waitFor();
    await press("Delete");
    expect(await values()).toEqual(["monday 22:00 01:00", "thursday 00:00 00:30", "monday  "]);
    // A pointer paints a rectangle. What is no half hour in the list keeps its minutes.
    await page.locator('[name="dnd.1.to"]').fill("00:10");
    await cell("Thursday 00:00 to 00:30, partly quiet").waitFor();
    await cell("Saturday 10:00 to 10:30, free").hover();
    await page.mouse.down();
    await cell("Sunday 11:00 to 11:30, free").hover();
    await page.mouse.up();
    expect(await values()).toEqual([
      "monday 22:00 01:00",
      "thursday 00:00 00:10",
      "saturday 10:00 11:30",
      "sunday 10:00 11:30",
      "monday  ",
    ]);
    await page.locator("#dnd").getByRole("button", { name: "Save" }).click();
    await page.locator("#dnd").locator(".note[role=status]").waitFor();
    expect((await stored())["doNotDisturb"]).toEqual([
      { weekday: "monday", start: "22:00", end: "01:00" },
      { weekday: "thursday", start: "00:00", end: "00:10" },
      { weekday: "saturday", start: "10:00", end: "11:30" },
      { weekday: "sunday", start: "10:00", end: "11:30" },
    ]);
    await cell("Saturday 10:00 to 10:30, quiet").waitFor();
    expect(world.complaints).toEqual([]);
    await forget();
  });

  it("offers the time zone of the device", async () => {
    const page = await world.visit(link(), { timezoneId: "Asia/Tokyo" });
    await page.getByRole("button", { name: "Use Asia/Tokyo, as this device does" }).click();
    expect(await page.getByLabel("Your time zone").inputValue()).toBe("Asia/Tokyo");
  });
});

describe("axe-core finds no fault, and nothing is too wide", () => {
  const unsubscribe = () =>
    `../u/${createUnsubscribeTokens([tokenSecret]).sign({ recipientId, typeId: null, topicId: null, message: { delivery: newUuid() } })}`;

  it.each([
    ["light", 320],
    ["light", 1_280],
    ["dark", 320],
    ["dark", 1_280],
  ] as const)("in the %s theme, at %i pixels", async (colorScheme, width) => {
    const page = await world.visit(link(), { colorScheme, viewport: { width, height: 800 } });
    await page.getByRole("grid").waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.locator('[name="quiet.0.from"]').fill("22:00");
    await page.locator("#quiet").getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole("button", { name: "For an hour" }).click();
    await page.locator(".note[role=status]").waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole("button", { name: "End the pause" }).click();
    await page.getByRole("button", { name: "For an hour" }).waitFor();
    for (const path of [
      `${link()}/erasure`,
      "../p",
      link(new Date(0)),
      unsubscribe(),
      "../s/newsletter?also=offers",
      "../u/nothing",
    ]) {
      await page.goto(world.url + path);
      expect([path, await faultsOf(page)]).toEqual([path, []]);
    }
    await forget();
  });
});
