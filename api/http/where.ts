/** Conditions of one statement, joined by AND, and the values that they bind: what a caller says goes into these only. */
export function createWhereBuilder() {
  const values: unknown[] = [];
  const joined: string[] = [];
  return {
    values,
    /** Where the value is bound, as `$1`. */
    bind: (value: unknown) => `$${values.push(value)}`,
    and: (sql: string) => void joined.push(sql),
    /** True where there is none. */
    sql: () => joined.join(" AND ") || "true",
  };
}

export type WhereBuilder = ReturnType<typeof createWhereBuilder>;
