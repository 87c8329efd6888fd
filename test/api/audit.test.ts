import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, apiKey, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
});
afterAll(() => api.stop());

interface Entry {
  id: string;
  actor: string;
  action: string;
  resource: string;
  requestId: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

const trail = async (query: string): Promise<Entry[]> =>
  (await api.send("GET", `/v1/audit?limit=200&${query}`)).body.items;

describe("the audit trail", () => {
  it("contains the author, the request, and the state before and after a change", async () => {
    const { id: key, secret } = await makeKey(api, { role: "sender" });
    const authorization = `Bearer ${secret}`;
    const { body: campaign } = await api.send(
      "POST",
      "/v1/campaigns",
      {
        name: "Audited",
        template: { key: sampleTemplate.key },
        audience: { all: true },
        data: { order: "1" },
      },
      { authorization, "x-request-id": "request-1" },
    );
    await api.send("PUT", `/v1/campaigns/${campaign.id}/throttle`, { perSecond: 5 });
    await api.send("POST", `/v1/campaigns/${campaign.id}/start`);
    const entries = await trail(`resource=${campaign.id}&sort=createdAt`);
    expect(entries).toMatchObject([
      {
        actor: key,
        action: "campaign.create",
        requestId: "request-1",
        before: null,
        after: { name: "Audited", status: "draft" },
      },
      {
        actor: "bootstrap",
        action: "campaign.set_throttle",
        before: { throttle: null },
        after: { throttle: { perSecond: 5 } },
      },
      { action: "campaign.start", before: { status: "draft" }, after: { status: "scheduled" } },
    ]);
    // Only changed fields are recorded.
    expect(entries[2]!.after).not.toHaveProperty("name");
  });

  it("is filtered by actor, action, resource, request and time", async () => {
    await api.send("PUT", "/v1/recipients/filtered", {}, { "x-request-id": "request-2" });
    const [entry] = await trail("requestId=request-2");
    expect(entry).toMatchObject({ actor: "bootstrap", action: "recipient.create" });
    const ids = async (query: string) => (await trail(query)).map(({ id }) => id);
    for (const query of [
      "actor=bootstrap",
      "action=recipient.create",
      "action=recipient",
      `resource=${entry!.resource}`,
      "createdFrom=2020-01-01T00:00:00Z",
      "createdBefore=2090-01-01T00:00:00Z",
    ])
      expect(await ids(query)).toContain(entry!.id);
    for (const query of [
      "actor=key_00000000000000000000000000",
      "action=recip",
      "resource=nothing",
      "createdBefore=2020-01-01T00:00:00Z",
    ])
      expect(await ids(query)).not.toContain(entry!.id);
  });

  it("has no entry for a failed change or a repeat", async () => {
    const wanted = { ...sampleTemplate, key: "repeated" };
    for (let time = 0; time < 2; time += 1)
      await api.send("POST", "/v1/templates", wanted, { "idempotency-key": "repeated" });
    await api.send("POST", "/v1/templates", wanted);
    expect(await trail("resource=repeated")).toHaveLength(1);
  });

  it("loses the personal data of a recipient who is erased", async () => {
    const { body } = await api.send("PUT", "/v1/recipients/secretive", {
      email: "secretive@example.org",
    });
    await api.send("PUT", "/v1/recipients/secretive", { email: "still@example.org" });
    expect(await trail(`resource=${body.id}`)).toMatchObject([
      { before: { email: "secretive@example.org" }, after: { email: "still@example.org" } },
      { action: "recipient.create" },
    ]);
    await api.send("DELETE", "/v1/recipients/secretive");
    const entries = await trail(`resource=${body.id}`);
    expect(entries.map(({ action, before, after }) => [action, before, after])).toEqual([
      ["recipient.erase", null, null],
      ["recipient.replace", null, null],
      ["recipient.create", null, null],
    ]);
  });

  it("shows an import while it is running, with everything written so far", async () => {
    const entries = async () =>
      (await api.send("GET", "/v1/audit?action=suppression.import&limit=1")).body.items;
    let seen: unknown[] = [];
    async function* lines() {
      for (let i = 0; i < 1_000; i += 1) yield Buffer.from(`{"address":"a${i}@example.org"}\n`);
      yield Buffer.from("x\n");
      while (seen.length === 0) {
        yield Buffer.from("\n");
        seen = await entries();
      }
    }
    const response = await api.app.request("/v1/suppressions/import", {
      method: "POST",
      headers: {
        authorization: `Bearer ${apiKey}`,
        "content-type": "application/x-ndjson",
      },
      body: ReadableStream.from(lines()),
      duplex: "half",
    } as RequestInit);
    expect(await response.json()).toMatchObject({ imported: 1_000, failed: 1 });
    expect(seen).toMatchObject([{ after: { imported: 1_000, failed: 0 } }]);
    expect(await entries()).toMatchObject([{ after: { imported: 1_000, failed: 1 } }]);
  });

  it.each([
    ["bulk", (recipients: object[]) => JSON.stringify({ recipients }), "application/json"],
    [
      "import",
      (recipients: object[]) => recipients.map((one) => JSON.stringify(one)).join("\n"),
      "application/x-ndjson",
    ],
  ])("names the recipients whose address a %s changes", async (name, write, type) => {
    const send = (recipients: object[]) =>
      api.send("POST", `/v1/recipients/${name}`, write(recipients), {
        "content-type": type,
        "x-request-id": `many-${name}`,
      });
    const [moved, called, same, named] = ["moved", "called", "same", "named"].map((one) => ({
      externalId: `${name}-${one}`,
      email: `${one}@example.org`,
      phone: "+4915112345678",
    }));
    await send([moved!, called!, same!, named!]);
    await send([
      { ...moved, email: "elsewhere@example.org" },
      { ...called, phone: null },
      same!,
      { ...named, attributes: { name: "N" } },
      { externalId: `${name}-new`, email: "new@example.org" },
    ]);
    const query = `requestId=many-${name}&action=recipient.update`;
    const idOf = async (one: object | undefined) =>
      (await api.send("GET", `/v1/recipients/${(one as { externalId: string }).externalId}`)).body
        .id as string;
    const ids = [await idOf(moved), await idOf(called)];
    const entries = (await trail(query)).toSorted((one, other) =>
      one.resource < other.resource ? -1 : 1,
    );
    const expected = [
      [ids[0], { email: "moved@example.org" }, { email: "elsewhere@example.org" }],
      [ids[1], { phone: "+4915112345678" }, { phone: null }],
    ].toSorted(([one], [other]) => (one! < other! ? -1 : 1));
    expect(entries.map(({ resource, before, after }) => [resource, before, after])).toEqual(
      expected,
    );
    await api.send("DELETE", `/v1/recipients/${ids[0]}`);
    await api.send("DELETE", `/v1/recipients/${ids[1]}`);
    expect((await trail(query)).map(({ before, after }) => [before, after])).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  it("counts an import as one change", async () => {
    await api.send("POST", "/v1/recipients/import", '{"externalId":"a"}\n{"externalId":"b"}\nx\n', {
      "content-type": "application/x-ndjson",
      "x-request-id": "request-3",
    });
    expect(await trail("requestId=request-3")).toMatchObject([
      { action: "recipient.import", after: { imported: 2, failed: 1 } },
    ]);
  });
});

describe("a list", () => {
  it("continues at its cursor, whatever is inserted meanwhile", async () => {
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { body } = await api.send("GET", `/v1/audit?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.items.map(({ id }: Entry) => id));
      cursor = body.nextCursor as string | null;
      await api.send("PUT", `/v1/recipients/between-${seen.length}`, {});
    }
    expect(seen).toEqual([...new Set(seen)].sort().reverse());
  });

  it.each(["x", "W10", Buffer.from('["createdAt",null,"x"]').toString("base64url")])(
    "refuses a cursor that is none: %s",
    async (cursor) => {
      const { status, body } = await api.send("GET", `/v1/audit?cursor=${cursor}`);
      expect([status, body.errors[0].field]).toEqual([422, "cursor"]);
    },
  );

  it("refuses a cursor of another sort", async () => {
    const { body } = await api.send("GET", "/v1/audit?limit=1");
    const other = await api.send("GET", `/v1/audit?sort=createdAt&cursor=${body.nextCursor}`);
    expect(other.status).toBe(422);
  });

  it.each(["sort=actor", "limit=0", "limit=201", "limit=many", "createdFrom=yesterday"])(
    "refuses %s",
    async (query) => {
      expect((await api.send("GET", `/v1/audit?${query}`)).status).toBe(422);
    },
  );
});
