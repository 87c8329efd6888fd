import { beforeEach, describe, expect, it } from "vitest";
import { sampleTemplate, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { tabTo } from "../support/keyboard.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;

const rules = ["first", "second", "third"];
const definition = (key: string) => ({
  key,
  name: `The ${key} one`,
  when: { field: "priority", equals: "critical" },
  route: { stages: [{ via: ["push", "email"] }] },
});

const world = useConsole(async (api) => {
  await seed(api, 4);
  for (const priority of ["high", "high", "normal"])
    await api.send("POST", "/v1/notifications", {
      recipients: ["u0", "u1"],
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      priority,
    });
});
beforeEach(async () => {
  await world.api.pool.query("TRUNCATE routing_rules CASCADE");
  for (const key of rules) await world.api.send("POST", "/v1/routing-rules", definition(key));
});

const keysOf = async () =>
  (await world.api.send("GET", "/v1/routing-rules")).body.items.map(
    ({ key }: { key: string }) => key,
  );
const ruleOf = async (key: string) =>
  (await world.api.send("GET", `/v1/routing-rules/${key}`)).body;

describe("the list of rules", () => {
  it("is put in order by keys, by buttons and by dragging, and each is undone", async () => {
    const page = await world.open("routing");
    const names = async () =>
      Promise.all(
        (
          await page
            .getByRole("listitem")
            .filter({ has: page.locator("code") })
            .all()
        ).map((row) => row.locator("code").textContent()),
      );
    await until(names, patience).toEqual(rules);
    await page.keyboard.press("j");
    await page.keyboard.press("]");
    await until(keysOf, patience).toEqual(["second", "first", "third"]);
    await page.getByText("first is now number 2.").waitFor();
    await page.keyboard.press("z");
    await until(keysOf, patience).toEqual(rules);
    await until(names, patience).toEqual(rules);
    await page.getByRole("button", { name: "Move The third one up ([)" }).click();
    await until(keysOf, patience).toEqual(["first", "third", "second"]);
    await until(names, patience).toEqual(["first", "third", "second"]);
    await page.locator("#row-second").dragTo(page.locator("#row-first"));
    await until(keysOf, patience).toEqual(["second", "first", "third"]);
    await page.reload();
    await until(names, patience).toEqual(["second", "first", "third"]);
  });

  it("switches a rule off, and on again by Undo", async () => {
    const page = await world.open("routing");
    await page.locator("#row-second").getByRole("button", { name: "Deactivate" }).click();
    await page.getByText("The second one is inactive.").waitFor();
    expect((await ruleOf("second")).active).toBe(false);
    await page.getByRole("button", { name: "Undo" }).click();
    await until(async () => (await ruleOf("second")).active, patience).toBe(true);
  });
});

describe("a rule", () => {
  it("is created by the keyboard alone, after a preview with the counts of the API", async () => {
    const page = await world.open("routing");
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const focusOn = (name: string | RegExp, role: "textbox" | "button" | "combobox") =>
      tabTo(page, page.getByRole(role, { name }));
    await focusOn("New rule", "button");
    await press("Enter");
    await focusOn("Key", "textbox");
    await page.keyboard.type("urgent");
    await focusOn("Name", "textbox");
    await page.keyboard.type("Urgent ones");
    await focusOn("Add a condition", "button");
    await press("Enter");
    await focusOn("Stage 1: first channel", "combobox");
    await press("ArrowDown");
    await focusOn("Preview", "button");
    await press("Enter");
    const { body } = await world.api.send("POST", "/v1/routing-rules/preview", {
      rules: [
        ...rules.map(definition),
        {
          key: "urgent",
          name: "Urgent ones",
          when: { field: "priority", equals: "high" },
          route: { stages: [{ via: ["push"] }] },
        },
      ],
    });
    expect(body.changed).toEqual({ messages: 4, recipients: 2 });
    const panel = page.getByRole("region", { name: "Preview of the last day" });
    await panel
      .getByText(`4 of ${body.messages} messages to ${body.recipients} recipients would have`)
      .waitFor();
    await panel.getByText("The rule would have held for 4 messages to 2 recipients.").waitFor();
    await tabTo(page, page.getByRole("button", { name: "Create the rule" }), "Shift+Tab");
    await press("Enter");
    await page.getByRole("heading", { name: "Routing / Urgent ones" }).waitFor();
    expect(await ruleOf("urgent")).toMatchObject({
      name: "Urgent ones",
      active: false,
      position: 4,
      when: { field: "priority", equals: "high" },
      route: { stages: [{ via: ["push"] }] },
    });
  });

  it("shows the faults that the API finds at their fields, as a form and as JSON", async () => {
    const page = await world.open("routing/first");
    await page.getByRole("button", { name: "Add a condition" }).click();
    await page.getByLabel("Condition 2: value").fill("");
    await page.getByLabel("Name").fill("");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("must not be empty").first().waitFor();
    await page.getByRole("link", { name: "JSON" }).click();
    const json = page.getByLabel("The rule as JSON");
    await json.fill("{");
    await page.getByText("Not applied:").waitFor();
    const draft = { ...definition("first"), active: true, priority: null, templates: {} };
    const { key: _, ...named } = draft;
    await json.fill(JSON.stringify({ ...named, name: "By JSON", final: false }));
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved as version 2.").waitFor();
    expect(await ruleOf("first")).toMatchObject({ name: "By JSON", final: false, version: 2 });
    await page.getByRole("link", { name: "Versions" }).click();
    await page.getByRole("group", { name: "What version 2 changed" }).waitFor();
    const diff = page.getByRole("group", { name: "What version 2 changed" });
    expect(await diff.textContent()).toContain(`+   "name": "By JSON"`);
    expect(await diff.textContent()).toContain(`-   "name": "The first one"`);
  });

  it("that somebody else has saved meanwhile is compared, and keeps both changes", async () => {
    const page = await world.open("routing/first");
    await page.getByLabel("Name").fill("Mine");
    const patch = (body: object) =>
      world.api.send("PATCH", "/v1/routing-rules/first", body, { "if-match": "*" });
    await patch({ name: "Theirs", final: false });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Somebody else has changed it" });
    const final = dialog.getByRole("group", { name: "Final" });
    await final.getByRole("radio", { name: "Theirs (changed) no" }).waitFor();
    expect(await final.getByRole("radio", { name: "Theirs" }).isChecked()).toBe(true);
    await dialog.getByRole("button", { name: "Choose 1 more" }).waitFor();
    await dialog.getByRole("radio", { name: "Mine Mine" }).check();
    await dialog.getByRole("button", { name: "Go on with this" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved as version 3.").waitFor();
    expect(await ruleOf("first")).toMatchObject({ name: "Mine", final: false, version: 3 });
  });

  it("is deleted after it has said how many messages used it", async () => {
    await world.api.send(
      "PATCH",
      "/v1/routing-rules/second",
      { when: { field: "priority", equals: "high" } },
      { "if-match": "*" },
    );
    const page = await world.open("routing/second");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByText("4 messages to 2 recipients would have gone another way").waitFor();
    await page.getByRole("button", { name: "Delete the rule" }).click();
    await page.getByText("The second one is deleted.").waitFor();
    expect(await keysOf()).toEqual(["first", "third"]);
  });
});
