import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
});
afterAll(() => api.stop());

const path = `/v1/templates/${sampleTemplate.key}`;

const auditOf = async (resource: string) =>
  (await api.send("GET", `/v1/audit?resource=${resource}&sort=createdAt`)).body.items.map(
    ({ action, before, after }: { action: string; before: unknown; after: unknown }) => ({
      action,
      before,
      after,
    }),
  );

const keysOf = async (query: string) => {
  const { status, body } = await api.send("GET", `/v1/templates?${query}`);
  expect([query, status]).toEqual([query, 200]);
  return body.items.map(({ key }: { key: string }) => key);
};

describe("a template", () => {
  it("is created once a key", async () => {
    const reply = await api.send("POST", "/v1/templates", sampleTemplate);
    expect(reply.status).toBe(409);
    const replies = await Promise.all(
      [1, 2, 3].map(() => api.send("POST", "/v1/templates", { ...sampleTemplate, key: "raced" })),
    );
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
  });

  it("is saved with a warning where Gmail would clip its html, whichever way it is saved", async () => {
    const content = (bytes: number) => ({ email: { subject: "S", html: "x".repeat(bytes) } });
    const warning = {
      code: "html_clipped",
      message: expect.stringContaining("104449 bytes"),
      path: "/content/email/html",
    };
    const made = await api.send("POST", "/v1/templates", {
      key: "long",
      name: "Long",
      content: content(104_449),
    });
    expect([made.status, made.body.warnings]).toEqual([201, [warning]]);
    const copied = await api.send("POST", "/v1/templates/long/duplicate", { key: "l2", name: "L" });
    expect([copied.status, copied.body.warnings]).toEqual([201, [warning]]);
    const mended = await api.send("POST", "/v1/templates/long/versions", {
      content: content(104_448),
    });
    expect([mended.status, mended.body.warnings]).toEqual([201, []]);
  });

  it("is shown with the version in use, and its contents", async () => {
    const { body } = await api.send("GET", path);
    expect(body).toEqual({
      id: expect.stringMatching(/^tpl_/),
      key: sampleTemplate.key,
      name: sampleTemplate.name,
      activeVersion: {
        id: expect.stringMatching(/^tpv_/),
        version: 1,
        content: sampleTemplate.content,
        source: null,
        variables: sampleTemplate.variables,
        createdBy: "bootstrap",
        createdAt: expect.any(String),
      },
      latestVersion: 1,
      unfinishedCampaigns: 0,
      createdAt: expect.any(String),
      archivedAt: null,
    });
  });

  it.each([
    ["/content/email/html", { content: { email: { subject: "S", html: "{% if %}" } } }],
    [
      "/content/email/subject",
      { content: { email: { subject: "{{ order | nofilter }}", html: "x" } } },
    ],
    ["/content/email/html", { content: { email: { subject: "S" } } }],
    [
      "/variables/properties/order/pattern",
      {
        variables: { type: "object", properties: { order: { type: "string", pattern: "(a+)+$" } } },
      },
    ],
    ["/variables/type", { variables: { type: "string" } }],
    ["/key", { key: "Not A Key" }],
  ])("is refused with the fault named: %s", async (field, part) => {
    const reply = await api.send("POST", "/v1/templates", {
      ...sampleTemplate,
      key: "new",
      ...part,
    });
    expect(reply.status).toBe(422);
    expect(reply.body.errors.map((error: { field: string }) => error.field)).toContain(field);
    expect((await api.send("GET", "/v1/templates/new")).status).toBe(404);
  });
});

describe("the list of templates", () => {
  const words = ["zebra", "100% off", "a_b", "axb", "O'Brien \\ Söhne"];
  beforeAll(async () => {
    for (const [index, name] of words.entries())
      await api.send("POST", "/v1/templates", { ...sampleTemplate, key: `list-${index}`, name });
  });

  it("is turned page by page in any of its orders", async () => {
    for (const sort of ["createdAt", "-createdAt", "key", "-key", "name", "-name"]) {
      const whole = await keysOf(`sort=${sort}&limit=200`);
      const paged: string[] = [];
      let cursor: string | null = null;
      do {
        const more: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const { body } = await api.send("GET", `/v1/templates?sort=${sort}&limit=2${more}`);
        paged.push(...body.items.map(({ key }: { key: string }) => key));
        cursor = body.nextCursor;
      } while (cursor !== null);
      expect([sort, paged]).toEqual([sort, whole]);
      expect(new Set(whole).size).toBe(whole.length);
    }
    expect(await keysOf("sort=key&q=list-")).toEqual(words.map((_, index) => `list-${index}`));
    expect(await keysOf("sort=-createdAt&q=list-&limit=1")).toEqual(["list-4"]);
  });

  it("shows versions without their contents", async () => {
    const { body } = await api.send("GET", "/v1/templates?q=list-0");
    expect(body).toEqual({
      items: [
        {
          id: expect.stringMatching(/^tpl_/),
          key: "list-0",
          name: "zebra",
          activeVersion: {
            id: expect.stringMatching(/^tpv_/),
            version: 1,
            createdBy: "bootstrap",
            createdAt: expect.any(String),
          },
          latestVersion: 1,
          unfinishedCampaigns: 0,
          createdAt: expect.any(String),
          archivedAt: null,
        },
      ],
      nextCursor: null,
    });
  });

  it("counts the campaigns that have not ended, of any version", async () => {
    const key = "counted";
    await api.send("POST", "/v1/templates", { ...sampleTemplate, key });
    const data = { order: "A-1" };
    const make = async (name: string) => {
      const campaign = { name, template: { key }, data, audience: { all: true } };
      return (await api.send("POST", "/v1/campaigns", campaign)).body.id as string;
    };
    const ended = await make("Ended");
    await make("Draft of version 1");
    const { content, variables } = sampleTemplate;
    await api.send("POST", `/v1/templates/${key}/versions`, { content, variables });
    await make("Draft of version 2");
    await api.pool.query(
      "UPDATE campaigns SET status = 'cancelled', finished_at = now() WHERE id = $1",
      [parsePublicId("campaign", ended)],
    );
    const { body } = await api.send("GET", `/v1/templates?q=${key}`);
    expect(body.items[0].unfinishedCampaigns).toBe(2);
    expect((await api.send("GET", `/v1/templates/${key}`)).body.unfinishedCampaigns).toBe(2);
  });

  it.each([
    ["ZEB", ["list-0"]],
    ["LIST-3", ["list-3"]],
    ["0%", ["list-1"]],
    ["a_b", ["list-2"]],
    ["O'Brien \\", ["list-4"]],
    ["%", ["list-1"]],
    ["' OR 1=1 --", []],
  ])("finds what holds a text as it stands: %s", async (q, found) => {
    expect(await keysOf(`sort=key&q=${encodeURIComponent(q)}`)).toEqual(found);
  });

  it("is refused a cursor of another list, an order it has not, and a filter it cannot read", async () => {
    for (const query of ["cursor=bm9uZQ", "sort=content", "archived=maybe", "limit=0", "q="])
      expect([query, (await api.send("GET", `/v1/templates?${query}`)).status]).toEqual([
        query,
        422,
      ]);
  });
});

describe("a duplicate of a template", () => {
  const second = { email: { subject: "Second", html: "<p>second</p>" } };
  beforeAll(async () => {
    await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "source" });
    await api.send("POST", "/v1/templates/source/versions", { content: second, activate: false });
  });

  it("begins with the version in use, or the one named", async () => {
    const copy = { key: "copy", name: "Copy" };
    const { status, body } = await api.send("POST", "/v1/templates/source/duplicate", copy);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      ...copy,
      latestVersion: 1,
      activeVersion: {
        version: 1,
        content: sampleTemplate.content,
        variables: sampleTemplate.variables,
      },
    });
    const of = await api.send("POST", "/v1/templates/source/duplicate", {
      key: "copy-of-second",
      name: "Copy",
      version: 2,
    });
    expect(of.body.activeVersion).toMatchObject({ version: 1, content: second });
    expect(await auditOf("copy-of-second")).toEqual([
      {
        action: "template.duplicate",
        before: null,
        after: { name: "Copy", version: 1, from: { key: "source", version: 2 } },
      },
    ]);
  });

  it("needs a key that is free, and something to copy", async () => {
    const copy = { key: "source", name: "Copy" };
    expect((await api.send("POST", "/v1/templates/source/duplicate", copy)).status).toBe(409);
    expect((await api.send("POST", "/v1/templates/none/duplicate", copy)).status).toBe(404);
    expect(
      (await api.send("POST", "/v1/templates/source/duplicate", { ...copy, key: "c3", version: 9 }))
        .status,
    ).toBe(404);
  });

  it("is made once a key of idempotency", async () => {
    const copy = { key: "copied-once", name: "Copy" };
    const headers = { "idempotency-key": "duplicate-1" };
    const replies = [
      await api.send("POST", "/v1/templates/source/duplicate", copy, headers),
      await api.send("POST", "/v1/templates/source/duplicate", copy, headers),
    ];
    expect(replies.map(({ status }) => status)).toEqual([201, 201]);
    expect(replies[1]!.body).toEqual(replies[0]!.body);
  });
});

describe("an archived template", () => {
  const notification = { recipients: ["u0"], template: { key: "retired" }, data: { order: "1" } };
  const campaign = { name: "C", ...notification, recipients: undefined, audience: { all: true } };
  const pinned = { key: "retired", version: 1 };
  let earlier: string;
  let draft: string;
  beforeAll(async () => {
    await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "retired" });
    earlier = (await api.send("POST", "/v1/notifications", notification)).body.id;
    await api.send("POST", "/v1/notifications", { ...notification, template: pinned });
    draft = (await api.send("POST", "/v1/campaigns", campaign)).body.id;
    await api.send("POST", "/v1/templates/retired/archive");
  });

  it("says since when it is", async () => {
    const { body } = await api.send("GET", "/v1/templates/retired");
    expect(body.archivedAt).toEqual(expect.any(String));
  });

  it.each([
    ["the active version", { key: "retired" }],
    ["a named version", pinned],
  ])("is not used by anything new: %s", async (_, template) => {
    for (const [route, body] of [
      ["/v1/notifications", notification],
      ["/v1/campaigns", campaign],
    ] as const) {
      const reply = await api.send("POST", route, { ...body, template });
      expect([route, reply.status]).toEqual([route, 422]);
      expect(reply.body.errors).toEqual([
        {
          in: "body",
          field: "/template/key",
          message: expect.stringContaining("archived template"),
        },
      ]);
    }
  });

  it("is not tried either, and says so", async () => {
    const reply = await api.send("POST", "/v1/templates/retired/test", {
      recipient: "u0",
      data: { order: "1" },
    });
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toMatchObject([{ in: "path", field: "key" }]);
  });

  it("lets what was accepted go on", async () => {
    const { body } = await api.send("GET", `/v1/notifications/${earlier}`);
    expect(body.counts).toMatchObject({ pending: 1 });
    expect((await api.send("POST", `/v1/campaigns/${draft}/start`)).status).toBe(200);
  });

  it("is still read, previewed, copied, and found among the archived", async () => {
    expect((await api.send("GET", "/v1/templates/retired")).status).toBe(200);
    const preview = await api.send("POST", "/v1/templates/retired/preview", {
      data: { order: "1" },
    });
    expect(preview.status).toBe(200);
    const copy = { key: "revived", name: "Revived" };
    const duplicate = await api.send("POST", "/v1/templates/retired/duplicate", copy);
    expect(duplicate.body).toMatchObject({ key: "revived", archivedAt: null });
    expect(await keysOf("archived=true")).toEqual(["retired"]);
    expect(await keysOf("archived=false&limit=200")).not.toContain("retired");
    expect(await keysOf("limit=200")).toContain("retired");
  });

  it("is used again once it is restored; doing either twice changes nothing", async () => {
    const archivedAt = (await api.send("GET", "/v1/templates/retired")).body.archivedAt;
    expect((await api.send("POST", "/v1/templates/retired/archive")).body.archivedAt).toBe(
      archivedAt,
    );
    for (const _ of [1, 2])
      expect((await api.send("POST", "/v1/templates/retired/restore")).body.archivedAt).toBeNull();
    expect((await api.send("POST", "/v1/notifications", notification)).status).toBe(202);
    expect(await auditOf("retired")).toEqual([
      { action: "template.create", before: null, after: { name: "Order shipped", version: 1 } },
      { action: "template.archive", before: { archivedAt: null }, after: { archivedAt } },
      { action: "template.restore", before: { archivedAt }, after: { archivedAt: null } },
    ]);
  });
});

describe("changing templates", () => {
  it("needs more than a viewer's key", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const headers = { authorization: `Bearer ${secret}` };
    expect((await api.send("GET", path, undefined, headers)).status).toBe(200);
    for (const act of [
      "duplicate",
      "archive",
      "restore",
      "test",
      "versions",
      "versions/1/activate",
    ])
      expect([act, (await api.send("POST", `${path}/${act}`, {}, headers)).status]).toEqual([
        act,
        403,
      ]);
    expect((await api.send("GET", path)).body.archivedAt).toBeNull();
  });
});
