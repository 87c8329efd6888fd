import { describe, expect, it } from "vitest";
import { bindStatement, defineStatement } from "./sql.ts";

describe("a statement with named parameters", () => {
  it("numbers each name once, in the order of first occurrence", () => {
    const statement = defineStatement<{ ids: string[]; at: Date }>(
      "SELECT :at::timestamptz, id FROM deliveries WHERE id = ANY(:ids::uuid[]) AND due_at <= :at",
    );
    expect(statement.text).toBe(
      "SELECT $1::timestamptz, id FROM deliveries WHERE id = ANY($2::uuid[]) AND due_at <= $1",
    );
    const at = new Date(0);
    expect(bindStatement(statement, { ids: ["a"], at }).values).toEqual([at, ["a"]]);
  });

  it("does not change casts, quoted text and comments", () => {
    const text = `SELECT 'a :b ''c'' :d'::text, "e":: text -- it's :f\nFROM g`;
    expect(defineStatement(text)).toMatchObject({ text, parameters: [] });
    expect(defineStatement("SELECT -- it's\n :a::int").text).toBe("SELECT -- it's\n $1::int");
  });

  it("has a name only if one was given", () => {
    expect(bindStatement(defineStatement("SELECT 1"), {})).toEqual({
      text: "SELECT 1",
      values: [],
    });
    expect(bindStatement(defineStatement("SELECT 1", "one"), {}).name).toBe("one");
  });
});
