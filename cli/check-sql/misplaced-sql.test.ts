import { describe, expect, it } from "vitest";
import { findMisplacedSql } from "./misplaced-sql.ts";

const found = (path: string, text: string) =>
  findMisplacedSql(path, text).map(({ line, rule }) => [line, rule.split(/[ :,]/)[0]]);

describe("misplaced SQL", () => {
  it.each([
    "`UPDATE deliveries d SET status = 'sent'`",
    '"INSERT INTO grant_logs (recipient_id) VALUES ($1)"',
    "`WITH x AS (DELETE FROM  attempts) SELECT 1`",
    "await tx.delivery.updateMany({ data })",
    "prisma.gate.deleteMany()",
    "tx.breaker.upsert({})",
  ])("is found where code outside of ledger/ writes the ledger: %s", (statement) => {
    const text = `const a = 1;\nawait run(${statement});`;
    expect(found("api/campaigns/store.ts", text)).toEqual([[2, "only"]]);
    expect(found("ledger/transitions.ts", text)).toEqual([]);
  });

  it("is found anywhere in domain/", () => {
    const text = '\nconst sql = "SELECT id FROM recipients";';
    expect(found("domain/health.ts", text)).toEqual([[2, "domain/"]]);
    expect(found("api/recipients/store.ts", text)).toEqual([]);
  });

  it("is found where a statement has more than nine numbered parameters", () => {
    expect(found("ledger/accept.ts", "`SELECT $9::int, $10::int`")).toEqual([[1, "a"]]);
  });

  it("is not found where the ledger is only read, or where a word only looks like SQL", () => {
    const text =
      "`SELECT id FROM deliveries FOR UPDATE`; tx.delivery.findMany(); group.update(key);";
    expect(found("api/deliveries/store.ts", text)).toEqual([]);
    expect(found("domain/text.ts", "/** Select what to update. */ const a = 'with care';")).toEqual(
      [],
    );
  });
});
