/** Builds the conditions of a statement, joined by AND, and the values that they bind. Only values may hold what a caller says. */
export function createWhereBuilder() {
  const values: unknown[] = [];
  const joined: string[] = [];
  return {
    values,
    /** Binds a value and returns its placeholder, as `$1`. */
    bind: (value: unknown) => `$${values.push(value)}`,
    and: (sql: string) => void joined.push(sql),
    /** The condition, which is `true` where none was added. */
    sql: () => joined.join(" AND ") || "true",
  };
}

export type WhereBuilder = ReturnType<typeof createWhereBuilder>;
