import { describe, expect, it } from "vitest";
import { findMisplacedSql } from "./misplaced-sql.ts";

const found = (path: string, text: string) =>
  findMisplacedSql(path, text).map(({ line, rule }) => [line, rule.split(/[ :,]/)[0]]);

describe("SQL in a folder that it does not belong to", () => {
  it.each([
    "`UPDATE deliveries d SET status = 'sent'`",
    '"INSERT INTO grant_logs (recipient_id) VALUES ($1)"',
    "`WITH x AS (DELETE FROM  attempts) SELECT 1`",
    "await tx.delivery.updateMany({ data })",
    "prisma.gate.deleteMany()",
    "tx.breaker.upsert({})",
  ])("is found where the ledger is written outside of it: %s", (statement) => {
    const text = `const a = 1;\nawait run(${statement});`;
    expect(found("api/campaigns/store.ts", text)).toEqual([[2, "only"]]);
    expect(found("ledger/transitions.ts", text)).toEqual([]);
  });

  it("is found in domain/, where there is none at all", () => {
    const text = '\nconst sql = "SELECT id FROM recipients";';
    expect(found("domain/health.ts", text)).toEqual([[2, "domain/"]]);
    expect(found("api/recipients/store.ts", text)).toEqual([]);
  });

  it("is found where parameters are counted beyond nine", () => {
    expect(found("ledger/accept.ts", "`SELECT $9::int, $10::int`")).toEqual([[1, "no"]]);
  });

  it("is not found where the ledger is read, or a word only looks like SQL", () => {
    const text =
      "`SELECT id FROM deliveries FOR UPDATE`; tx.delivery.findMany(); group.update(key);";
    expect(found("api/deliveries/store.ts", text)).toEqual([]);
    expect(found("domain/text.ts", "/** Select what to update. */ const a = 'with care';")).toEqual(
      [],
    );
  });
});
