import { describe, expect, it } from "vitest";
import { focusedName, itemTitles as titles, useInboxPages } from "../support/inbox-pages.ts";
import { scriptedItem } from "../support/scripted-inbox.ts";

const world = useInboxPages();
const until = expect.poll;
const complete = { action: "complete" as const, label: "Mark as done", url: "/a/token" };
const many = () =>
  [1, 2, 3].map((number) => scriptedItem(number, number === 2 ? { actions: [complete] } : {}));

describe("<tidings-inbox> on a page of another origin with a strict policy", () => {
  it("shows what is there and what arrives, and asks nobody but the page and Tidings", async () => {
    world.server.setItems(many());
    const asked = new Set<string>();
    const page = await world.visit();
    page.on("request", (request) => asked.add(new URL(request.url()).origin));
    await page.locator(".badge", { hasText: "3" }).waitFor();
    expect(await page.locator(".bell").getAttribute("aria-label")).toBe("Notifications. Unread: 3");
    await until(() => page.title()).toMatch(/^\(3\) /);
    await page.locator(".bell").click();
    await until(() => titles(page)).toEqual(["Task 3", "Task 2", "Task 1"]);
    await until(() => world.server.counts()).toEqual({ unseen: 0, unread: 3 });

    await until(() => world.server.streams.size).toBe(1);
    await page.locator(".main").first().focus();
    const before = await focusedName(page);
    world.server.add(scriptedItem(4, { title: "<img src=x onerror=alert(1)>" }));
    await until(() => titles(page)).toEqual([
      "<img src=x onerror=alert(1)>",
      "Task 3",
      "Task 2",
      "Task 1",
    ]);
    expect(await page.locator(".badge").textContent()).toBe("4");
    await until(() => page.locator("[role=status]").textContent()).toContain(
      "New notification: <img",
    );
    expect(await focusedName(page)).toBe(before);
    await until(() => world.server.counts().unseen).toBe(0);
    expect([...asked].sort()).toEqual([world.server.url]);
    expect(world.complaints).toEqual([]);
  });

  it("says 99+ of a hundred", async () => {
    world.server.setItems(Array.from({ length: 130 }, (_, index) => scriptedItem(index)));
    const page = await world.open();
    await page.locator(".badge", { hasText: "99+" }).waitFor();
    await page.locator(".more").click();
    await until(() => page.locator(".item").count()).toBe(40);
    expect(await titles(page)).toContain("Task 90");
  });

  it("marks as read and unread, archives and takes it back, and marks all as read", async () => {
    world.server.setItems(many());
    const page = await world.open();
    await page.getByRole("button", { name: "Mark as read: Task 2" }).click();
    await page.locator(".badge", { hasText: "2" }).waitFor();
    await until(() => world.server.items()[1]!.readAt).toEqual(expect.any(String));
    await page.getByRole("button", { name: "Mark as unread: Task 2" }).click();
    await page.locator(".badge", { hasText: "3" }).waitFor();

    await page.getByRole("button", { name: "Archive: Task 3" }).click();
    await until(() => titles(page)).toEqual(["Task 2", "Task 1"]);
    await page.getByRole("button", { name: "Undo" }).click();
    await until(() => titles(page)).toEqual(["Task 3", "Task 2", "Task 1"]);
    await page.getByRole("button", { name: "Archive: Task 1" }).click();
    await page.getByRole("tab", { name: "Archived" }).click();
    await until(() => titles(page)).toEqual(["Task 1"]);
    await page.getByRole("button", { name: "Move to inbox: Task 1" }).click();
    await page.getByText("There are no archived notifications.").waitFor();

    await page.getByRole("tab", { name: "Unread (3)" }).click();
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await until(() => world.server.counts()).toEqual({ unseen: 0, unread: 0 });
    await page.locator(".badge").waitFor({ state: "hidden" });
    await page.getByRole("tab", { name: "All" }).click();
    await page.getByRole("tab", { name: "Unread" }).click();
    await page.getByText("You have read all notifications.").waitFor();
    expect(world.complaints).toEqual([]);
  });

  it("takes back what the API refuses, and says so", async () => {
    world.server.setItems(many());
    const page = await world.open();
    await page.locator(".item").first().waitFor();
    world.server.scripted.answer = ({ method }, response) => {
      if (method !== "PATCH") return false;
      response.writeHead(500).end();
      return true;
    };
    await page.getByRole("button", { name: "Archive: Task 3" }).click();
    await page.locator(".toast", { hasText: "could not be saved" }).waitFor();
    await until(() => titles(page)).toEqual(["Task 3", "Task 2", "Task 1"]);
    expect(await page.locator("[role=status]").textContent()).toContain("could not be saved");
  });

  it("follows links, unless the page does that itself", async () => {
    world.server.setItems([...many(), scriptedItem(4, { url: null })]);
    const page = await world.open();
    await page.locator(".main", { hasText: "Task 4" }).click();
    await until(() => world.server.items()[0]!.readAt).toEqual(expect.any(String));
    expect(await page.locator("[popover]").isVisible()).toBe(true);

    await page.evaluate(`document.querySelector("tidings-inbox").addEventListener("tidings-item-click", (event) => {
      event.preventDefault();
      document.querySelector("h1").textContent = "Chosen: " + event.detail.item.title;
    }, { once: true })`);
    await page.locator(".main", { hasText: "Task 3" }).click();
    await page.getByRole("heading", { name: "Chosen: Task 3" }).waitFor();
    expect(await page.locator("[popover]").isVisible()).toBe(false);

    await page.locator(".bell").click();
    await page.locator(".main", { hasText: "Task 2" }).click();
    await page.waitForURL(`${world.host.url}/tasks/2`);
    await until(() => world.server.items().filter(({ readAt }) => readAt === null).length).toBe(1);
  });

  it("performs actions, and shows no link that could run a script", async () => {
    const view = { action: "view" as const, label: "Open", url: "/tasks/2" };
    world.server.setItems([
      scriptedItem(1, {
        url: "javascript:alert(1)",
        actions: [
          { ...view, url: "javascript:alert(1)" },
          { ...complete, url: "data:text/html,x" },
        ],
      }),
      scriptedItem(2, { actions: [complete, view] }),
    ]);
    const page = await world.open();
    await page.getByRole("button", { name: "Mark as done" }).click();
    await page.locator(".toast", { hasText: "Done: Mark as done" }).waitFor();
    const sent = world.server.requests.filter(({ path }) => path.startsWith("/a/"));
    // The browser asks first whether the page may send it.
    expect(sent.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ["OPTIONS", undefined],
      ["POST", undefined],
    ]);
    expect(world.server.items()[0]!.readAt).toEqual(expect.any(String));
    const links = await page
      .locator("tidings-inbox a")
      .evaluateAll((found) => found.map((link) => link.getAttribute("href")));
    expect(links).toEqual([`${world.host.url}/tasks/2`, `${world.host.url}/tasks/2`]);
    expect(await page.locator(".action").count()).toBe(2);
  });

  it("asks the page for another token when one has expired", async () => {
    world.server.setItems(many());
    const page = await world.open();
    await until(() => world.server.streams.size).toBe(1);
    world.server.tokens.delete("first");
    world.server.tokens.add("second");
    world.token = "second";
    world.server.breakStreams();
    await until(() => world.host.issued()).toBe(2);
    await until(() => world.server.streams.size).toBe(1);
    world.server.add(scriptedItem(4));
    await until(() => titles(page)).toEqual(["Task 4", "Task 3", "Task 2", "Task 1"]);

    world.token = null;
    world.server.tokens.clear();
    world.server.breakStreams();
    await page.locator(".notice").waitFor();
    world.token = "third";
    world.server.tokens.add("third");
    await page.locator(".notice").waitFor({ state: "hidden" });
  });

  it("says that there is no connection, and shows what came meanwhile when there is one", async () => {
    world.server.setItems(many());
    const page = await world.open();
    await until(() => world.server.streams.size).toBe(1);
    await page.context().setOffline(true);
    await page.locator(".notice", { hasText: "No connection" }).waitFor();
    world.server.setItems([...world.server.items(), scriptedItem(4)]);
    await page.context().setOffline(false);
    await until(() => titles(page)).toEqual(["Task 4", "Task 3", "Task 2", "Task 1"]);
    await page.locator(".notice").waitFor({ state: "hidden" });
    await page.locator(".badge", { hasText: "4" }).waitFor();
  });

  it("says that nothing could be loaded, and tries again when asked", async () => {
    world.server.scripted.answer = (request, response) => {
      if (!request.url?.startsWith("/v1/")) return false;
      response.writeHead(503, { "retry-after": "3600" }).end();
      return true;
    };
    world.server.setItems(many());
    const page = await world.open();
    await page.getByText("The notifications could not be loaded.").waitFor();
    world.server.scripted.answer = null;
    await page.getByRole("button", { name: "Try again" }).click();
    await until(() => titles(page)).toHaveLength(3);
  });
});
