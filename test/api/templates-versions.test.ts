import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, makeKey, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
});
afterAll(() => api.stop());

const contentOf = (words: string) => ({ email: { subject: words, html: `<p>${words}</p>` } });

const make = async (key: string, versions: number) => {
  await api.send("POST", "/v1/templates", { key, name: key, content: contentOf("v1") });
  for (let version = 2; version <= versions; version += 1)
    await api.send("POST", `/v1/templates/${key}/versions`, { content: contentOf(`v${version}`) });
};

const subjectOf = async (key: string, version?: number) =>
  (await api.send("POST", `/v1/templates/${key}/preview`, { data: {}, version })).body.subject;

describe("versions of a template", () => {
  it("get numbers of their own, also when they come at once", async () => {
    await make("raced", 1);
    const content = contentOf("later");
    const replies = await Promise.all(
      [1, 2, 3, 4].map(() => api.send("POST", "/v1/templates/raced/versions", { content })),
    );
    expect(
      replies.map(({ body }) => body.latestVersion as number).toSorted((a, b) => a - b),
    ).toEqual([2, 3, 4, 5]);
    expect((await api.send("GET", "/v1/templates/raced")).body).toMatchObject({
      latestVersion: 5,
      activeVersion: { version: 5, content, variables: { type: "object" } },
    });
  });

  it("are listed from the latest on, page by page, and read one by one", async () => {
    await make("listed", 5);
    const first = await api.send("GET", "/v1/templates/listed/versions?limit=2");
    expect(first.body.items).toEqual(
      [5, 4].map((version) => ({
        id: expect.stringMatching(/^tpv_/),
        version,
        createdBy: "bootstrap",
        createdAt: expect.any(String),
      })),
    );
    const second = await api.send(
      "GET",
      `/v1/templates/listed/versions?limit=10&cursor=${first.body.nextCursor}`,
    );
    expect(second.body.items.map(({ version }: { version: number }) => version)).toEqual([3, 2, 1]);
    expect(second.body.nextCursor).toBeNull();
    const upwards = await api.send("GET", "/v1/templates/listed/versions?sort=version&limit=1");
    expect(upwards.body.items[0].version).toBe(1);
    expect((await api.send("GET", "/v1/templates/listed/versions/3")).body).toEqual({
      ...second.body.items[0],
      content: contentOf("v3"),
      source: null,
      variables: { type: "object" },
    });
  });

  it("are refused where the caller does not know the latest one", async () => {
    await make("shared", 2);
    const save = (latestVersion: number) =>
      api.send("POST", "/v1/templates/shared/versions", {
        content: contentOf("mine"),
        activate: false,
        latestVersion,
      });
    const refused = await save(1);
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringContaining("is 2, not 1"),
    ]);
    expect((await save(2)).body).toMatchObject({
      latestVersion: 3,
      activeVersion: { version: 2 },
    });
    const replies = await Promise.all([save(3), save(3), save(3)]);
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
  });

  it("say who made them, also those of a copy", async () => {
    const { id, secret } = await makeKey(api, { role: "sender" });
    const as = { authorization: `Bearer ${secret}` };
    const content = contentOf("signed");
    await api.send("POST", "/v1/templates", { key: "signed", name: "S", content }, as);
    const { body } = await api.send("GET", "/v1/templates/signed/versions");
    expect(body.items[0].createdBy).toBe(id);
    const copy = { key: "unsigned", name: "U" };
    const copied = await api.send("POST", "/v1/templates/signed/duplicate", copy);
    expect(copied.body.activeVersion.createdBy).toBe("bootstrap");
  });

  it("answer 404 or 422 where there is none", async () => {
    await make("short", 1);
    for (const [path, status] of [
      ["/v1/templates/none/versions", 404],
      ["/v1/templates/none/versions/1", 404],
      ["/v1/templates/short/versions/2", 404],
      ["/v1/templates/short/versions/2147483647", 404],
      ["/v1/templates/short/versions/2147483648", 422],
      ["/v1/templates/short/versions/0", 422],
      ["/v1/templates/short/versions/1e0", 422],
      ["/v1/templates/short/versions/1%27--", 422],
    ] as const)
      expect([path, (await api.send("GET", path)).status]).toEqual([path, status]);
    const cursor = Buffer.from(
      JSON.stringify(["-version", 1e12, "01890a5d-ac96-774b-bcce-b302099a8057"]),
    ).toString("base64url");
    expect((await api.send("GET", `/v1/templates/short/versions?cursor=${cursor}`)).status).toBe(
      422,
    );
    expect((await api.send("POST", "/v1/templates/short/versions/2/activate")).status).toBe(404);
    expect((await api.send("POST", "/v1/templates/none/versions/1/activate")).status).toBe(404);
    expect(
      (await api.send("POST", "/v1/templates/none/versions", { content: contentOf("x") })).status,
    ).toBe(404);
  });
});

describe("the active version", () => {
  it("may stay what it was when one is added", async () => {
    await make("staged", 1);
    const { status, body } = await api.send("POST", "/v1/templates/staged/versions", {
      content: contentOf("v2"),
      activate: false,
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({ latestVersion: 2, activeVersion: { version: 1 } });
    expect(await subjectOf("staged")).toBe("v1");
    expect(await subjectOf("staged", 2)).toBe("v2");
  });

  it("goes forward and back, and is used where none is named; what was accepted keeps its own", async () => {
    await make("rolled", 3);
    const notify = async () => {
      const { body } = await api.send("POST", "/v1/notifications", {
        recipients: ["u0"],
        template: { key: "rolled" },
      });
      return body.id as string;
    };
    const versionOf = async (id: string) =>
      (await api.send("GET", `/v1/notifications/${id}`)).body.template.version;
    const before = await notify();
    const activated = await api.send("POST", "/v1/templates/rolled/versions/1/activate");
    expect(activated.body).toMatchObject({ activeVersion: { version: 1 }, latestVersion: 3 });
    const after = await notify();
    expect([await versionOf(before), await versionOf(after)]).toEqual([3, 1]);
    expect(await subjectOf("rolled")).toBe("v1");
    const campaign = await api.send("POST", "/v1/campaigns", {
      name: "C",
      template: { key: "rolled" },
      audience: { all: true },
    });
    expect(campaign.body.template).toEqual({ key: "rolled", version: 1 });
    await api.send("POST", "/v1/templates/rolled/versions/2/activate");
    expect(await subjectOf("rolled")).toBe("v2");
  });

  it("is put into the audit trail when it changes, without what it says", async () => {
    await make("audited", 2);
    await api.send("POST", "/v1/templates/audited/versions/1/activate");
    await api.send("POST", "/v1/templates/audited/versions/1/activate");
    const { body } = await api.send("GET", "/v1/audit?resource=audited");
    expect(
      body.items.map(({ action, before, after }: Record<string, unknown>) => [
        action,
        before,
        after,
      ]),
    ).toEqual([
      ["template.activate", { activeVersion: 2 }, { activeVersion: 1 }],
      ["template.add_version", { activeVersion: 1 }, { activeVersion: 2, version: 2 }],
      ["template.create", null, { name: "audited", version: 1 }],
    ]);
    expect(JSON.stringify(body)).not.toContain("<p>");
  });

  it("is changed once a key of idempotency", async () => {
    await make("keyed", 2);
    const headers = { "idempotency-key": "activate-1" };
    const path = "/v1/templates/keyed/versions/1/activate";
    const first = await api.send("POST", path, undefined, headers);
    await api.send("POST", "/v1/templates/keyed/versions/2/activate");
    const again = await api.send("POST", path, undefined, headers);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.body).toEqual(first.body);
    expect((await api.send("GET", "/v1/templates/keyed")).body.activeVersion.version).toBe(2);
  });

  it("is never one that does not exist while versions are added and activated at once", async () => {
    await make("busy", 1);
    await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        index % 2 === 0
          ? api.send("POST", "/v1/templates/busy/versions", { content: contentOf("x") })
          : api.send("POST", "/v1/templates/busy/versions/1/activate"),
      ),
    );
    const { body } = await api.send("GET", "/v1/templates/busy");
    expect(body.latestVersion).toBe(7);
    expect(
      (await api.send("GET", `/v1/templates/busy/versions/${body.activeVersion.version}`)).status,
    ).toBe(200);
  });
});

describe("a template key in a path", () => {
  it.each(["..%2F..", "a%00b", "Order", "%27%3B--", "x".repeat(101)])(
    "is refused where it can be none: %s",
    async (key) => {
      const { status } = await api.send("GET", `/v1/templates/${key}`);
      expect(status).toBe(422);
    },
  );
});
