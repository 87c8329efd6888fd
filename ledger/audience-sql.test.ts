import { describe, expect, it } from "vitest";
import { audienceWhere, filterWhere } from "./audience-sql.ts";
import type { Audience, RecipientFilter } from "../domain/audience.ts";
import { parsePublicId } from "../domain/ids.ts";

const evil = "'; DROP TABLE recipients; --";

describe("filterWhere", () => {
  it("numbers its placeholders after the caller's, and keeps values out of the SQL", () => {
    const { sql, values } = filterWhere(
      {
        all: [
          { field: "email", equals: evil },
          { attribute: evil, atLeast: 3 },
          { attribute: [evil, evil], in: [evil] },
          { field: "phone", startsWith: evil },
        ],
      },
      "r",
      4,
    );
    expect(sql).not.toContain("DROP");
    expect(sql.match(/\$\d+/g)).toEqual(["$4", "$5", "$6", "$7", "$8", "$9"]);
    expect(values).toEqual([
      evil,
      `strict $.${JSON.stringify(evil)} >= 3`,
      evil,
      evil,
      JSON.stringify([evil]),
      `${evil}%`,
    ]);
  });

  it("escapes wildcards", () => {
    const { values } = filterWhere({ field: "email", contains: String.raw`50%_\a` }, "r");
    expect(values).toEqual([String.raw`%50\%\_\\a%`]);
  });

  it("finds the recipients of a campaign in the ledger by an index", () => {
    const id = "cmp_01jd3v8qyee7fr8xmcsnh5hbcd";
    const sent = filterWhere({ received: id }, "r");
    expect(sent.values).toEqual([parsePublicId("campaign", id)]);
    expect(sent.sql).toContain("d.campaign_id = $1::text::uuid AND d.recipient_id = r.id");
    expect(sent.sql).not.toContain("unknown");
    expect(filterWhere({ received: id, orUnknown: true }, "r").sql).toContain("'unknown'");
    expect(filterWhere({ missed: id }, "r").sql).toContain("d.status = 'failed' AND NOT");
  });
});

describe("audienceWhere", () => {
  const pro: RecipientFilter = { attribute: "plan", equals: "pro" };
  const german: RecipientFilter = { field: "locale", equals: "de" };
  const segments = new Map<string, RecipientFilter>([
    ["pro", pro],
    ["german", german],
  ]);

  it("leaves out erased recipients, even from an audience of all", () => {
    expect(audienceWhere({ all: true }, segments, "r")).toEqual({
      sql: "r.erased_at IS NULL",
      values: [],
    });
  });

  it("selects recipients in an included segment and in no excluded one that match the filter", () => {
    const { sql, values } = audienceWhere(
      { include: ["pro", "german"], exclude: ["german"], where: { field: "email", exists: true } },
      segments,
      "r",
    );
    expect(sql).toBe(
      "r.erased_at IS NULL AND (r.attributes @> $1::text::jsonb OR r.locale = $2::text) " +
        "AND r.email IS NOT NULL AND NOT coalesce((r.locale = $3::text), false)",
    );
    expect(values).toEqual(['{"plan":"pro"}', "de", "de"]);
  });

  it("excludes segments from all recipients and from those of a filter", () => {
    for (const base of [{ all: true }, { where: german }] satisfies Audience[])
      expect(audienceWhere({ ...base, exclude: ["pro"] }, segments, "r").sql).toMatch(
        /AND NOT coalesce\(\(r\.attributes @> \$\d::text::jsonb\), false\)$/,
      );
  });

  it("is not compiled without the filter of each named segment", () => {
    expect(() => audienceWhere({ all: true, exclude: ["gone"] }, segments, "r")).toThrow(/gone/);
  });
});
