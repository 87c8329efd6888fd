import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, makeKey, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const main = {
  key: "main",
  name: "Main",
  html: "<html><h1>{{ title }}</h1>{{ content_for_layout }}{% render 'footer' %}</html>",
};
const footer = { key: "footer", name: "Footer", html: "<i>Example & Co, {{ year }}</i>" };

const create = (layout: object) => api.send("POST", "/v1/layouts", layout);
const change = (key: string, version: number, body: object) =>
  api.send("PATCH", `/v1/layouts/${key}`, body, { "if-match": `"${version}"` });
const saveTemplate = (key: string, html: string, more: object = {}) =>
  api.send("POST", "/v1/templates", {
    key,
    name: key,
    content: { email: { subject: "S", html }, ...more },
  });
const faultsOf = ({ status, body }: Awaited<ReturnType<typeof create>>) => {
  expect(status).toBe(422);
  return body.errors as { field: string; message: string; line?: number; column?: number }[];
};

describe("a layout", () => {
  it("is created, read, listed and changed, and its versions are kept", async () => {
    expect(await create(footer)).toMatchObject({ status: 201, body: { ...footer, version: 1 } });
    expect((await create(footer)).status).toBe(409);
    expect(await create(main)).toMatchObject({ status: 201, body: { ...main, version: 1 } });
    const read = await api.send("GET", "/v1/layouts/main");
    expect([read.status, read.body.html, read.headers.get("etag")]).toEqual([
      200,
      main.html,
      '"1"',
    ]);
    const listed = await api.send("GET", "/v1/layouts?q=MAI");
    expect(listed.body.items).toEqual([
      expect.objectContaining({ key: "main", name: "Main", version: 1 }),
    ]);
    expect(listed.body.items[0]).not.toHaveProperty("html");
    expect((await change("main", 7, { name: "Frame" })).status).toBe(412);
    expect(await change("main", 1, { name: "Frame" })).toMatchObject({
      status: 200,
      body: { name: "Frame", version: 2 },
    });
    expect(await change("main", 2, { name: "Frame" })).toMatchObject({ body: { version: 2 } });
    const versions = await api.send("GET", "/v1/layouts/main/versions");
    expect(versions.body.items.map(({ version }: { version: number }) => version)).toEqual([2, 1]);
    expect((await api.send("GET", "/v1/layouts/main/versions/1")).body).toMatchObject({
      name: "Main",
      html: main.html,
    });
    expect((await api.send("GET", "/v1/layouts/main/versions/3")).status).toBe(404);
    const audit = await api.send("GET", "/v1/audit?resource=main");
    expect(audit.body.items.map(({ action }: { action: string }) => action)).toEqual([
      "layout.update",
      "layout.create",
    ]);
  });

  it("is refused if it cannot be parsed, or includes itself or no layout", async () => {
    const layout = (html: string) => create({ key: "bad", name: "Bad", html });
    expect(faultsOf(await layout("a\n{{ b"))).toEqual([
      { in: "body", field: "/html", message: expect.any(String), line: 2, column: 1 },
    ]);
    expect(faultsOf(await layout("{% render 'none' %}"))[0]!.message).toMatch(/there is no none/);
    expect(faultsOf(await layout("{% render 'bad' %}"))[0]!.message).toMatch(
      /a layout includes itself: bad, bad/,
    );
    const cycle = await change("footer", 1, { html: "{% layout 'main' %}x" });
    expect(faultsOf(cycle)[0]!.message).toMatch(/includes itself: footer, main, footer/);
  });

  it("needs more than a viewer's key to be changed", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const viewer = { authorization: `Bearer ${secret}` };
    expect((await api.send("GET", "/v1/layouts/main", undefined, viewer)).status).toBe(200);
    expect((await api.send("DELETE", "/v1/layouts/main", undefined, viewer)).status).toBe(403);
  });
});

describe("a template with layouts", () => {
  const html = "{% layout 'main' %}<p>{{ x }}</p>";
  const flat = "<html><h1>{{ title }}</h1><p>{{ x }}</p><i>Example & Co, {{ year }}</i></html>";

  it("is stored with a copy of them, beside the source, and copied with both", async () => {
    const locales = { de: { email: { html: "{% render 'footer' %}" } } };
    const saved = await saveTemplate("framed", html, { locales });
    expect(saved).toMatchObject({
      status: 201,
      body: {
        activeVersion: {
          content: { email: { html: flat }, locales: { de: { email: { html: footer.html } } } },
          source: { email: { html }, locales },
        },
      },
    });
    const copied = await api.send("POST", "/v1/templates/framed/duplicate", {
      key: "framed-2",
      name: "F",
    });
    expect(copied.body.activeVersion).toMatchObject({
      content: saved.body.activeVersion.content,
      source: saved.body.activeVersion.source,
    });
    expect((await saveTemplate("bare", "<p>x</p>")).body.activeVersion.source).toBeNull();
  });

  it("does not change with a layout, which lists its users", async () => {
    const changed = await change("footer", 1, { html: "<b>New</b>" });
    expect(changed).toMatchObject({ status: 200, body: { version: 2 } });
    expect(
      (await api.send("GET", "/v1/templates/framed")).body.activeVersion.content.email.html,
    ).toBe(flat);
    const usersOf = async () => (await api.send("GET", "/v1/layouts/footer/users")).body;
    const user = { version: 1, layoutVersion: 1 };
    expect(await usersOf()).toEqual({
      templates: [
        { key: "framed", name: "framed", ...user },
        { key: "framed-2", name: "F", ...user },
      ],
      layouts: ["main"],
    });
    const content = { email: { subject: "S", html: "{% render 'footer' %}" } };
    const added = await api.send("POST", "/v1/templates/framed/versions", { content });
    expect(added.body.activeVersion.content.email.html).toBe("<b>New</b>");
    expect((await usersOf()).templates[0]).toEqual({
      key: "framed",
      name: "framed",
      version: 2,
      layoutVersion: 2,
    });
  });

  it("is refused with the line and column of its own html", async () => {
    expect(faultsOf(await saveTemplate("bad", "a\n {% layout 'none' %}"))).toEqual([
      {
        in: "body",
        field: "/content/email/html",
        message: "html: names no layout: there is no none, line:2, col:2",
        line: 2,
        column: 2,
      },
    ]);
    expect(
      faultsOf(await saveTemplate("bad", "{% layout 'main' %}\n  {{ a | nope }}")),
    ).toMatchObject([{ field: "/content/email/html", line: 2, column: 3 }]);
    const content = { email: { subject: "S", html: "{% layout 'main' %}\n  {{ a | nope }}" } };
    const unsaved = await api.send("POST", "/v1/templates/preview", { content, data: {} });
    expect(faultsOf(unsaved)).toMatchObject([{ field: "/content/email/html", line: 2, column: 3 }]);
  });

  it("is previewed with its layouts, saved and unsaved", async () => {
    const data = { title: "T", x: "<1>", year: 2027 };
    const saved = await api.send("POST", "/v1/templates/framed/preview", { version: 1, data });
    expect(saved.body.html).toBe(
      "<html><h1>T</h1><p>&lt;1&gt;</p><i>Example & Co, 2027</i></html>",
    );
    const content = { email: { subject: "S", html } };
    const unsaved = await api.send("POST", "/v1/templates/preview", { content, data });
    expect(unsaved.body.html).toBe("<html><h1>T</h1><p>&lt;1&gt;</p><b>New</b></html>");
  });

  it("stays as it is when a layout is deleted, unless another layout includes that", async () => {
    expect((await api.send("DELETE", "/v1/layouts/footer")).status).toBe(409);
    expect((await api.send("DELETE", "/v1/layouts/main")).status).toBe(204);
    expect((await api.send("DELETE", "/v1/layouts/footer")).status).toBe(204);
    expect((await api.send("GET", "/v1/layouts/footer/users")).status).toBe(404);
    expect((await api.send("GET", "/v1/templates/framed/versions/1")).body.content.email.html).toBe(
      flat,
    );
  });
});
