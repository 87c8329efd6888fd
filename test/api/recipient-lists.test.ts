import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, startApi } from "./harness.ts";

let api: Api;
const people = [
  ["ada", { email: "Ada@Example.org", locale: "en-GB", timeZone: "Europe/London" }],
  ["bob_50%", { email: "bob@example.org", phone: "+4915112345678", attributes: { plan: "pro" } }],
  ["bobx50y", { email: "bobx@example.com", attributes: { plan: "pro" } }],
  ["carl", { phone: "+4366012345678", locale: "de-AT" }],
  ["dora", { email: "Dora+News@bücher.example" }],
  ["rene", { email: "rene\u0301@example.net" }],
] as const;
beforeAll(async () => {
  api = await startApi();
  for (const [externalId, profile] of people)
    await api.send("PUT", `/v1/recipients/${encodeURIComponent(externalId)}`, profile);
});
afterAll(() => api.stop());

async function list(query: string): Promise<string[]> {
  const { status, body } = await api.send("GET", `/v1/recipients?${query}`);
  expect([query, status]).toEqual([query, 200]);
  return body.items.map((item: { externalId: string }) => item.externalId);
}

describe("GET /v1/recipients", () => {
  it("lists the newest first, with all that a recipient is", async () => {
    expect(await list("")).toEqual(["rene", "dora", "carl", "bobx50y", "bob_50%", "ada"]);
    const [, , , , bob] = (await api.send("GET", "/v1/recipients")).body.items;
    expect(bob).toEqual((await api.send("GET", `/v1/recipients/${bob.id}`)).body);
  });

  it.each([
    ["a part of an external id", "q=obx", ["bobx50y"]],
    ["a part of an address, in any case", "q=ADA%40exam", ["ada"]],
    ["a part of a number", "q=%2B49151", ["bob_50%"]],
    ["a number whose plus sign was not encoded", "q=+43660", ["carl"]],
    ["wildcards that mean themselves", "q=bob_50%25", ["bob_50%"]],
    ["what nobody has", "q=%25%25%25", []],
    ["an injection", `q=${encodeURIComponent("' OR 1=1 --")}`, []],
    ["an external id", "externalId=ada", ["ada"]],
    ["a part of one, where all of it is asked for", "externalId=ad", []],
    ["an address in any case", "email=ada%40EXAMPLE.org", ["ada"]],
    ["a part of one", "email=ada%40example", []],
    ["an address whose plus sign was not encoded", "email=dora+news@bücher.example", ["dora"]],
    [
      "an address whose domain is spelt otherwise",
      "email=dora%2Bnews@xn--bcher-kva.example",
      ["dora"],
    ],
    ["a part of one whose plus sign was not encoded", "q=dora+news@", ["dora"]],
    ["an address in another form of Unicode", "email=ren%C3%A9@example.net", ["rene"]],
    ["the same as it was given", "email=rene%CC%81@example.net", ["rene"]],
    ["a part of it in either", "q=rene%CC%81@", ["rene"]],
    ["a number", "phone=+4915112345678", ["bob_50%"]],
    ["a locale", "locale=de-AT", ["carl"]],
    ["a time zone", "timeZone=Europe/London", ["ada"]],
    ["two at once", "q=bob&email=bobx%40example.com", ["bobx50y"]],
    ["a time to come", "createdFrom=2090-01-01T00:00:00Z", []],
    ["a time that is past", "createdBefore=2020-01-01T00:00:00Z", []],
  ])("finds by %s", async (_, query, expected) => {
    expect(await list(query)).toEqual(expected);
  });

  it("finds those of a segment, and names one that is not there", async () => {
    const filter = { attribute: "plan", equals: "pro" };
    await api.send("POST", "/v1/segments", { key: "pro", name: "Pro", filter });
    expect(await list("segment=pro")).toEqual(["bobx50y", "bob_50%"]);
    expect(await list("segment=pro&q=bobx")).toEqual(["bobx50y"]);
    const unknown = await api.send("GET", "/v1/recipients?segment=nobody");
    expect(unknown.status).toBe(422);
    expect(unknown.body.errors[0]).toMatchObject({ in: "query", field: "segment" });
  });

  it.each([
    "q=ab",
    "q=",
    "sort=email",
    "limit=0",
    "cursor=x",
    "segment=No",
    "createdFrom=today",
    "email=no+address",
  ])("refuses %s", async (query) => {
    const { status, body } = await api.send("GET", `/v1/recipients?${query}`);
    expect(status).toBe(422);
    expect(body.errors[0]).toMatchObject({ in: "query", field: query.split("=")[0] });
  });

  it.each(["createdAt", "-createdAt", "updatedAt", "-updatedAt", "externalId", "-externalId"])(
    "pages by %s without passing over or repeating any, though rows come and go",
    async (sort) => {
      const bulk = Array.from({ length: 25 }, (_, i) => ({ externalId: `page-${sort}-${i}` }));
      await api.send("POST", "/v1/recipients/bulk", { recipients: bulk });
      const seen: { externalId: string; updatedAt: string; createdAt: string }[] = [];
      let cursor: string | null = null;
      do {
        const { body } = await api.send(
          "GET",
          `/v1/recipients?q=page-${sort}-&sort=${sort}&limit=7${cursor ? `&cursor=${cursor}` : ""}`,
        );
        seen.push(...body.items);
        if (cursor === null) {
          await api.send("DELETE", `/v1/recipients/${seen[0]!.externalId}`);
        }
        cursor = body.nextCursor;
      } while (cursor);
      expect(seen.map(({ externalId }) => externalId).toSorted()).toEqual(
        bulk.map(({ externalId }) => externalId).toSorted(),
      );
      const field = sort.replace("-", "") as "createdAt" | "updatedAt" | "externalId";
      const { rows } = await api.pool.query<{ sorted: string[] }>(
        `SELECT array_agg(v ORDER BY v ${sort.startsWith("-") ? "DESC" : "ASC"}) AS sorted FROM unnest($1::text[]) AS v`,
        [seen.map((row) => row[field])],
      );
      expect(seen.map((row) => row[field])).toEqual(rows[0]!.sorted);
    },
  );
});

describe("GET /v1/tombstones", () => {
  it("lists the erased with nothing personal, whom no other list shows", async () => {
    const { body: eve } = await api.send("PUT", "/v1/recipients/eve", { email: "eve@example.org" });
    await api.send("DELETE", "/v1/recipients/eve");
    const { body } = await api.send("GET", "/v1/tombstones?limit=200");
    expect(body.items).toContainEqual({
      id: eve.id,
      createdAt: eve.createdAt,
      erasedAt: expect.any(String),
    });
    expect(JSON.stringify(body)).not.toContain("eve@");
    expect(await list("q=eve")).toEqual([]);
    expect(await list("email=eve%40example.org")).toEqual([]);
  });
});
