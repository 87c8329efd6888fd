import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
const ids: string[] = [];
const names = ["Spring sale", "Autumn sale", "50% off_all", "Été", "spring cleaning"];

beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
  await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "other" });
  for (const [i, name] of names.entries()) {
    const { body } = await api.send("POST", "/v1/campaigns", {
      name,
      template: { key: i === 0 ? "other" : sampleTemplate.key },
      audience: { all: true },
      data: { order: "1" },
      ...(i === 1 && { throttle: { perSecond: 5 }, startAt: "2090-01-01T00:00:00Z" }),
    });
    ids.push(body.id);
  }
  await api.send("POST", `/v1/campaigns/${ids[2]}/cancel`);
});
afterAll(() => api.stop());

async function listed(query: string): Promise<string[]> {
  const { status, body } = await api.send("GET", `/v1/campaigns?${query}`);
  expect([status, query]).toEqual([200, query]);
  return body.items.map(({ id }: { id: string }) => id);
}
const at = (...numbers: number[]) => numbers.map((number) => ids[number]);

describe("the list of campaigns", () => {
  it("shows the newest first, each as it is shown alone, with its numbers", async () => {
    expect(await listed("")).toEqual([...ids].reverse());
    const { body } = await api.send("GET", "/v1/campaigns");
    for (const item of body.items) {
      expect((await api.send("GET", `/v1/campaigns/${item.id}`)).body).toEqual(item);
      // None of them has an audience yet.
      expect(item.counts).toBeNull();
    }
    expect(body.items[3].throttle).toEqual({ perSecond: 5, burst: 1 });
  });

  it("goes on where the page before ended, however it is sorted", async () => {
    for (const sort of ["createdAt", "-createdAt", "updatedAt", "-updatedAt", "name", "-name"]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const reply = await api.send(
          "GET",
          `/v1/campaigns?sort=${sort}&limit=2${cursor === null ? "" : `&cursor=${cursor}`}`,
        );
        seen.push(...reply.body.items.map(({ id }: { id: string }) => id));
        cursor = reply.body.nextCursor;
      } while (cursor !== null);
      expect(seen).toEqual(await listed(`sort=${sort}`));
      expect(new Set(seen).size).toBe(ids.length);
    }
    // It was cancelled last.
    expect((await listed("sort=-updatedAt"))[0]).toBe(ids[2]);
  });

  it("is filtered by status, name, template and time", async () => {
    expect(await listed("status=scheduled")).toEqual(at(1));
    expect(await listed("status=cancelled,scheduled&sort=createdAt")).toEqual(at(1, 2));
    expect(await listed("q=SPRING&sort=createdAt")).toEqual(at(0, 4));
    expect(await listed(`q=${encodeURIComponent("été")}`)).toEqual(at(3));
    expect(await listed("template=other")).toEqual(at(0));
    expect(await listed("template=nobody")).toEqual([]);
    expect(await listed("createdFrom=2020-01-01T00:00:00Z&status=draft&q=sale")).toEqual(at(0));
    expect(await listed("createdBefore=2020-01-01T00:00:00Z")).toEqual([]);
  });

  it("takes what it looks for as it is written, and not as a pattern or as SQL", async () => {
    for (const [q, found] of [
      ["50%", [2]],
      ["%", [2]],
      ["_", [2]],
      ["\\", []],
      ["' OR '1'='1", []],
    ] as const)
      expect([q, await listed(`q=${encodeURIComponent(q)}`)]).toEqual([q, at(...found)]);
  });

  it.each([
    "status=lost",
    "q=",
    "template=%20",
    "sort=status",
    "cursor=x",
    "createdFrom=now",
    "corrects=cmp_1",
  ])("refuses %s", async (query) => {
    const reply = await api.send("GET", `/v1/campaigns?${query}`);
    expect(reply.status).toBe(422);
    expect(reply.body.errors[0]).toMatchObject({ in: "query", field: query.split("=")[0] });
  });
});
