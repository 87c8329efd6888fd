import type { FrameLocator, Page } from "playwright-core";
import { afterAll, describe, expect, it } from "vitest";
import { sampleTemplate, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { startMailWorker } from "../support/mail-worker.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
const { key } = sampleTemplate;
let worker: Awaited<ReturnType<typeof startMailWorker>>;
const world = useConsole(async (api) => {
  await seed(api, 3);
  worker = await startMailWorker(api);
});
afterAll(() => worker?.stop());

const html = (page: Page) => page.getByRole("textbox", { name: /^HTML/ });
const rendered = (page: Page): FrameLocator =>
  page.frameLocator("iframe[title='The HTML of the email']");
const read = async (path: string) => (await world.api.send("GET", path)).body;
const saved = async (version: number) =>
  (await read(`/v1/templates/${key}/versions/${version}`)).content.email.html as string;
const queryOf = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams);

/** The texts that this browser keeps, as JSON. */
const keptDrafts = (page: Page) =>
  page.evaluate<string>(`new Promise((resolve, reject) => {
    const opening = indexedDB.open("tidings-console");
    opening.onerror = reject;
    opening.onsuccess = () => {
      const reading = opening.result.transaction("drafts").objectStore("drafts").getAll();
      reading.onsuccess = () => {
        opening.result.close();
        resolve(JSON.stringify(reading.result));
      };
    };
  })`);

/** Types at the end of the HTML. */
async function typeHtml(page: Page, text: string): Promise<void> {
  await html(page).click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
}

it("a template is edited, saved, compared, activated, and tested: the mail is what the preview showed", async () => {
  const page = await world.open(`templates/${key}`);
  const previews: { html: string }[] = [];
  page.on("response", (response) => {
    if (response.url().endsWith("/v1/templates/preview") && response.ok())
      void response.json().then(
        (body: { html: string }) => previews.push(body),
        // The page was closed meanwhile.
        () => {},
      );
  });
  await rendered(page).getByText("Hello Ada, Order is on its way").waitFor();

  await typeHtml(page, '\n<p style="color:#0a5f6b">Thank <b>you</b>, “Ada” & co. = é 😀</p>');
  await rendered(page).getByText("Thank you, “Ada” & co. = é 😀").waitFor();
  await typeHtml(page, "\n{% if %}");
  await page.getByRole("button", { name: "Line 3" }).waitFor();
  // The last preview stays, dimmed.
  await page.locator("[data-stale=true]").waitFor();
  await rendered(page).getByText("Thank you").waitFor();
  for (let typed = 0; typed < "\n{% if %}".length; typed += 1)
    await page.keyboard.press("Backspace");
  await page.getByText("Up to date").waitFor();
  await page.keyboard.type("\n{{ ord");
  // By the mouse: for a moment after the list has opened, Enter still means a new line.
  await page.getByRole("option", { name: "order" }).click();
  await page.keyboard.type(" }}");
  await page.getByText("Up to date").waitFor();

  await page.keyboard.press("Control+s");
  await page.getByText("Saved as version 2. It is not active yet.").waitFor();
  expect(await saved(2)).toMatch(/é 😀<\/p>\n\{\{ order \}\}$/);
  expect(await read(`/v1/templates/${key}`)).toMatchObject({
    latestVersion: 2,
    activeVersion: { version: 1 },
  });

  await page.getByRole("link", { name: "Compare with version 1" }).click();
  await page.getByRole("textbox", { name: "Version 1: Email, HTML" }).waitFor();
  const after = page.getByRole("textbox", { name: "Version 2: Email, HTML" });
  expect(await after.textContent()).toContain("Thank <b>you</b>");
  await page.frameLocator("iframe[title='Version 2, rendered']").getByText("Thank you").waitFor();
  await page.getByRole("link", { name: "Back to the editor" }).click();

  const active = async () => (await read(`/v1/templates/${key}`)).activeVersion.version;
  await page.getByRole("button", { name: "Activate version 2" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("keep the version that they have").waitFor();
  await dialog.getByRole("button", { name: "Activate version 2" }).click();
  await page.getByText("Version 2 is active.").waitFor();
  await until(active, patience).toBe(2);
  await page.locator("h1").click();
  await page.keyboard.press("z");
  await until(active, patience).toBe(1);

  await page.getByRole("button", { name: "Choose…" }).click();
  await dialog.getByRole("textbox", { name: "Find a recipient" }).fill("u1@");
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "u1" }).click();
  await rendered(page).getByText("Hello N1").waitFor();
  expect(queryOf(page)["recipient"]).toMatch(/^rcp_/);
  await page.locator("h1").click();
  await page.keyboard.press("t");
  await dialog.getByText("To u1").waitFor();
  await dialog.getByRole("button", { name: "Send version 2" }).click();
  await dialog.getByText("Pending").waitFor();
  await worker.wake(world.api.woken.at(-1)!);
  await until(() => worker.received.length, patience).toBe(1);
  await dialog.getByText("Sent", { exact: true }).waitFor();
  // Lines of a mail end in CRLF.
  const [{ email }] = worker.received as [(typeof worker.received)[number]];
  expect(email.html!.replaceAll("\r\n", "\n").trimEnd()).toBe(previews.at(-1)!.html.trimEnd());
  expect(Buffer.from(email.html!).includes("😀")).toBe(true);
});

describe("text that is not saved", () => {
  it("is kept through a reload, and leaving asks", async () => {
    const page = await world.open(`templates/${key}?version=1`);
    page.on("dialog", (dialog) => void dialog.accept());
    await typeHtml(page, "<p>Precious</p>");
    await page.getByText("Not saved").waitFor();
    await page.getByRole("link", { name: "Deliveries" }).click();
    await page.getByRole("button", { name: "Stay" }).click();
    await until(() => html(page).textContent(), patience).toContain("Precious");
    // It is kept a moment after it was typed.
    await until(() => keptDrafts(page), patience).toContain("Precious");
    await page.reload();
    await page.getByText("Restore the draft of").waitFor();
    expect(await html(page).textContent()).not.toContain("Precious");
    await page.getByRole("button", { name: "Restore it" }).click();
    await until(() => html(page).textContent(), patience).toContain("Precious");
    await page.getByRole("link", { name: "Deliveries" }).click();
    await page.getByRole("button", { name: "Leave" }).click();
    await page.getByRole("heading", { name: "Deliveries" }).waitFor();
  });

  it("survives a version that somebody else saves meanwhile", async () => {
    const page = await world.open(`templates/${key}`);
    await typeHtml(page, "<p>Mine</p>");
    const { latestVersion: before } = await read(`/v1/templates/${key}`);
    const { content, variables } = sampleTemplate;
    const theirs = { email: { ...content.email, html: "<p>Theirs</p>" } };
    const body = { content: theirs, variables, activate: false };
    await world.api.send("POST", `/v1/templates/${key}/versions`, body);
    await page.keyboard.press("Control+s");
    await page.getByText(`Version ${before + 1} was saved meanwhile`).waitFor();
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    const mine = page.getByRole("textbox", { name: "Your text: Email, HTML" });
    expect(await mine.textContent()).toContain("<p>Mine</p>");
    const other = page.getByRole("textbox", { name: `Version ${before + 1}: Email, HTML` });
    expect(await other.textContent()).toContain("<p>Theirs</p>");
    await page.getByRole("button", { name: `Keep my text for version ${before + 2}` }).click();
    await page.getByRole("button", { name: `Save as version ${before + 2}` }).click();
    await page.getByText(`Saved as version ${before + 2}.`).waitFor();
    expect(await saved(before + 1)).toBe("<p>Theirs</p>");
    expect(await saved(before + 2)).toContain("<p>Mine</p>");
  });
});

it("a template is made with the keyboard only", async () => {
  const page = await world.open("templates/new");
  const focused = () =>
    page.evaluate(`(() => {
      const element = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
      return element?.getAttribute("aria-label") ?? element?.textContent ?? "";
    })()`) as Promise<string>;
  const tabTo = async (name: RegExp) => {
    for (let press = 0; press < 60 && !name.test(await focused()); press += 1)
      await page.keyboard.press("Tab");
    expect(await focused()).toMatch(name);
  };
  await page.getByLabel("Name", { exact: true }).focus();
  await page.keyboard.type("Von Hand");
  await tabTo(/^Subject/);
  await page.keyboard.press("Control+a");
  await page.keyboard.type("By [keys]?");
  await tabTo(/^HTML/);
  await page.keyboard.press("Control+a");
  await page.keyboard.type("<p>");
  // Here Tab indents the line, and after Esc it leaves.
  await page.keyboard.press("Tab");
  await page.keyboard.type("By keys</p>");
  expect(await focused()).toMatch(/^HTML/);
  // Also if Esc closes a list that has opened by itself.
  await page.keyboard.press("Control+Space");
  await page.getByRole("listbox").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  expect(await focused()).not.toMatch(/^HTML/);
  await page.keyboard.press("Control+s");
  await page.getByText("The template is created").waitFor();
  const { activeVersion } = await read("/v1/templates/von-hand");
  expect(activeVersion.content.email).toMatchObject({ subject: "By [keys]?" });
  expect(activeVersion.content.email.html).toMatch(/^\s+<p>By keys<\/p>$/);
});

it("the list finds, archives with undo, and duplicates; a viewer may only look", async () => {
  await world.api.send("POST", "/v1/templates", {
    ...sampleTemplate,
    key: "farewell",
    name: "Bye",
  });
  const page = await world.open("templates");
  await page.getByLabel("Find by key or name").fill("fare");
  await until(() => page.locator("tbody tr").count(), patience).toBe(1);
  expect(queryOf(page)).toEqual({ q: "fare" });
  await page.getByRole("button", { name: "Archive Bye" }).click();
  await page.getByText("No templates match").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Duplicate Bye" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Key").fill("farewell");
  await dialog.getByRole("button", { name: "Create the copy" }).click();
  await dialog.getByText("There is a template farewell already").waitFor();
  await dialog.getByLabel("Key").fill("farewell-2");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Copy of Bye" }).waitFor();
  expect((await read("/v1/templates/farewell-2")).latestVersion).toBe(1);

  const viewer = await world.open("templates/farewell-2", { as: "viewer" });
  await typeHtml(viewer, "<p>Looks</p>");
  await rendered(viewer).getByText("Looks").waitFor();
  const save = viewer.getByRole("button", { name: "Save as version 2" });
  expect(await save.getAttribute("aria-disabled")).toBe("true");
  expect(await save.getAttribute("title")).toContain("Needs the role sender");
  await viewer.keyboard.press("Control+s");
  await viewer.getByText("Not saved").waitFor();
  expect((await read("/v1/templates/farewell-2")).latestVersion).toBe(1);
});

it("a layout is made, and shown around what a template has", async () => {
  const page = await world.open("layouts/new");
  await page.getByLabel("Name", { exact: true }).fill("Frame");
  await rendered(page).getByText("The content of a template appears here").waitFor();
  await page.getByRole("textbox", { name: /^HTML of the layout/ }).click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("{% assign x = | %}");
  await page.getByRole("button", { name: "Line 1" }).waitFor();
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("<h1>Shop</h1>{{ content_for_layout }}");
  await rendered(page).getByText("Shop").waitFor();
  await page.keyboard.press("Control+s");
  await page.getByText("The layout is created").waitFor();
  await page.getByText("Nothing includes it yet").waitFor();

  await page.goto(`${world.url}templates/${key}`);
  await page.getByLabel("Layout").selectOption("frame");
  await rendered(page).getByRole("heading", { name: "Shop" }).waitFor();
  expect(await html(page).textContent()).toContain('{% layout "frame" %}');
});
