import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Api, type Reply, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const profile = {
  email: "ada@example.org",
  phone: "+4915112345678",
  timeZone: "Europe/London",
  locale: "en-GB",
  attributes: { plan: "pro", address: { city: "London", zip: "N1" }, tags: ["a"] },
};
let etag: string;
beforeEach(async () => {
  etag = (await api.send("PUT", "/v1/recipients/ada", profile)).headers.get("etag")!;
});

const patch = (body: unknown, match: string | null = etag, id = "ada"): Promise<Reply> =>
  api.send("PATCH", `/v1/recipients/${id}`, body, match === null ? {} : { "if-match": match });

describe("PATCH /v1/recipients/{recipient}", () => {
  it("changes what it names, and keeps the rest", async () => {
    const { status, body, headers } = await patch({
      locale: "de-at",
      attributes: { plan: "team", address: { zip: null, street: "Ring 1" }, tags: ["b"] },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...profile,
      locale: "de-AT",
      attributes: { plan: "team", address: { city: "London", street: "Ring 1" }, tags: ["b"] },
    });
    expect(body.attributes.address).not.toHaveProperty("zip");
    expect(headers.get("etag")).not.toBe(etag);
    const again = await api.send("GET", "/v1/recipients/ada");
    expect(again.body).toEqual(body);
    expect(again.headers.get("etag")).toBe(headers.get("etag"));
  });

  it("lets what is null take its default again", async () => {
    const { body } = await patch({
      email: null,
      phone: null,
      timeZone: null,
      locale: null,
      attributes: null,
    });
    expect(body).toMatchObject({
      email: null,
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: {},
    });
  });

  it("leaves alone what it does not name, though it would be refused today", async () => {
    const { body } = await api.send("GET", "/v1/recipients/ada");
    const email = "a@xn--a.example";
    await api.prisma.recipient.update({ where: { externalId: "ada" }, data: { email } });
    expect(await patch({ locale: "fr" }, "*")).toMatchObject({ status: 200, body: { email } });
    expect((await patch({ email }, "*")).status).toBe(422);
    const line = JSON.stringify({ externalId: "ada", locale: "it" });
    await api.send("POST", "/v1/recipients/import", line, {
      "content-type": "application/x-ndjson",
    });
    const after = await api.send("GET", `/v1/recipients/${body.id}`);
    expect(after.body).toMatchObject({ email, locale: "it" });
  });

  it("changes nothing where nothing differs", async () => {
    const { headers, body } = await patch({ locale: "en-gb", attributes: { plan: "pro" } });
    expect(headers.get("etag")).toBe(etag);
    expect(body).toMatchObject(profile);
  });

  it("is kept in the audit trail, as far as it changed something, until the recipient is erased", async () => {
    const { body } = await patch({ attributes: { plan: null } });
    const trail = () => api.send("GET", `/v1/audit?resource=${body.id}&action=recipient.update`);
    const [entry] = (await trail()).body.items;
    expect(Object.keys(entry.after).toSorted()).toEqual(["attributes", "updatedAt"]);
    expect(entry.before.attributes).toEqual(profile.attributes);
    await api.send("DELETE", "/v1/recipients/ada");
    expect((await trail()).body.items[0]).toMatchObject({ before: null, after: null });
  });

  it("needs If-Match, and the version that was read", async () => {
    expect((await patch({ locale: "fr" }, null)).status).toBe(428);
    expect((await patch({ locale: "fr" }, '"0"')).status).toBe(412);
    expect((await patch({ locale: "fr" }, "*")).status).toBe(200);
    expect((await patch({ locale: "de" })).status).toBe(412);
  });

  it("lets one of two that read the same version win", async () => {
    const replies = await Promise.all([patch({ locale: "fr" }), patch({ locale: "ja" })]);
    expect(replies.map(({ status }) => `${status}`).toSorted()).toEqual(["200", "412"]);
  });

  it.each([
    ["/email", { email: "nonsense" }],
    ["/timeZone", { timeZone: "Mars/Olympus" }],
    ["/attributes", { attributes: [] }],
    ["/attributes", { attributes: { text: "x".repeat(20_000) } }],
    ["/externalId", { externalId: "bob" }],
    ["/id", { id: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }],
    ["", []],
  ])("refuses a bad %s, and changes nothing", async (field, body) => {
    const reply = await patch(body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toContainEqual(expect.objectContaining({ in: "body", field }));
    expect((await api.send("GET", "/v1/recipients/ada")).headers.get("etag")).toBe(etag);
  });

  it("leaves a time zone that is no name of IANA's, from before they were refused, until it is given another", async () => {
    await api.pool.query("UPDATE recipients SET time_zone = 'BST' WHERE external_id = 'ada'");
    expect((await patch({ locale: "fr" }, "*")).body).toMatchObject({
      locale: "fr",
      timeZone: "BST",
    });
    expect((await patch({ timeZone: "BST" }, "*")).body.errors).toMatchObject([
      { field: "/timeZone", message: "must be an IANA time zone: did you mean Europe/London?" },
    ]);
    expect((await patch({ timeZone: "Europe/London" }, "*")).body.timeZone).toBe("Europe/London");
  });

  it("is a 404 of one who is not there, and a 410 of one who was erased", async () => {
    const { body } = await api.send("GET", "/v1/recipients/ada");
    expect((await patch({}, "*", "nobody")).status).toBe(404);
    expect((await patch({}, "*", "rcp_01jd3v8qyee7fr8xmcsnh5hbcd")).status).toBe(404);
    await api.send("DELETE", "/v1/recipients/ada");
    expect((await patch({ locale: "fr" }, "*", body.id)).status).toBe(410);
    expect((await patch({ locale: "fr" }, "*")).status).toBe(404);
  });
});

describe("POST /v1/recipients/bulk", () => {
  const bulk = (recipients: unknown, headers = {}) =>
    api.send("POST", "/v1/recipients/bulk", { recipients }, headers);

  it("stores the good ones and names the bad ones, in the order they came in", async () => {
    const { status, body } = await bulk([
      { externalId: "ada", locale: "fr" },
      { externalId: "b1", email: "b1@example.org", attributes: { n: 1 } },
      { externalId: "b2", email: "nonsense", phone: "1" },
      { externalId: "b1", email: "again@example.org" },
      { email: "c@example.org" },
      { externalId: "'; DROP TABLE recipients; --" },
    ]);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      mode: "merge",
      created: 2,
      changed: 1,
      unchanged: 0,
      refused: 3,
    });
    expect(body.results.map((result: { status: string }) => result.status)).toEqual([
      "changed",
      "created",
      "refused",
      "refused",
      "refused",
      "created",
    ]);
    expect(body.results[2].errors.map((error: { field: string }) => error.field)).toEqual([
      "/email",
      "/phone",
    ]);
    expect(body.results[3].errors[0]).toMatchObject({ field: "/externalId" });
    expect(body.results[4].errors[0]).toMatchObject({ field: "/externalId" });
    const b1 = (await api.send("GET", "/v1/recipients/b1")).body;
    expect(b1).toMatchObject({ id: body.results[1].id, email: "b1@example.org" });
    expect((await api.send("GET", "/v1/recipients/ada")).body).toMatchObject({
      ...profile,
      locale: "fr",
    });
  });

  it("replaces them if requested, and does not confuse the modes under one key", async () => {
    const ask = (query: string) =>
      api.send(
        "POST",
        `/v1/recipients/bulk${query}`,
        { recipients: [{ externalId: "ada", locale: "fr" }] },
        { "idempotency-key": "bulk-mode" },
      );
    expect((await ask("?mode=replace")).body).toMatchObject({ mode: "replace", changed: 1 });
    expect((await api.send("GET", "/v1/recipients/ada")).body).toMatchObject({
      locale: "fr",
      email: null,
      attributes: {},
    });
    expect((await ask("?mode=merge")).body.type).toBe("urn:tidings:problem:key-reused");
  });

  it("keeps what is not named, and takes back what is null", async () => {
    const { body } = await bulk([
      { externalId: "ada", phone: null, attributes: { plan: null, address: { zip: "N2" } } },
    ]);
    expect(body.results).toMatchObject([{ status: "changed" }]);
    const ada = (await api.send("GET", "/v1/recipients/ada")).body;
    expect(ada).toMatchObject({ email: profile.email, phone: null, timeZone: profile.timeZone });
    expect(ada.attributes).toEqual({ address: { city: "London", zip: "N2" }, tags: ["a"] });
    expect((await bulk([{ externalId: "ada" }])).body).toMatchObject({ unchanged: 1 });
  });

  it("is one entry of the audit trail, with counts and nothing personal", async () => {
    await bulk([{ externalId: "audited", email: "a@example.org" }, { externalId: 7 }]);
    const { body } = await api.send("GET", "/v1/audit?action=recipient.bulk_upsert&limit=1");
    expect(body.items[0]).toMatchObject({
      resource: "recipients",
      before: null,
      after: { created: 1, changed: 0, unchanged: 0, refused: 1 },
    });
  });

  it("answers a repeated key as it did the first time", async () => {
    const headers = { "idempotency-key": "bulk-1" };
    const first = await bulk([{ externalId: "keyed" }], headers);
    const second = await bulk([{ externalId: "keyed" }], headers);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(second.body).toEqual(first.body);
    expect(first.body.created).toBe(1);
  });

  it("takes a thousand, and no more", async () => {
    const people = Array.from({ length: 1_001 }, (_, i) => ({ externalId: `many-${i}` }));
    expect((await bulk(people)).status).toBe(422);
    expect((await bulk(people.slice(1))).body).toMatchObject({ created: 1_000, refused: 0 });
  });

  it.each([[[]], [["x"]], ["x"], [null]])("refuses %j", async (recipients) => {
    expect((await bulk(recipients)).status).toBe(422);
  });

  it("never waits for another for ever, whatever the order", async () => {
    const people = Array.from({ length: 50 }, (_, i) => ({ externalId: `raced-${i}` }));
    const replies = await Promise.all([bulk(people), bulk(people.toReversed()), bulk(people)]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(replies.reduce((sum, { body }) => sum + body.created, 0)).toBe(50);
  });
});
