/** Builds the conditions of a statement, joined by AND, and the values that they bind. Input of a caller must be bound as a value. */
export function createWhereBuilder() {
  const values: unknown[] = [];
  const joined: string[] = [];
  return {
    values,
    /** Binds a value and returns its placeholder, such as `$1`. */
    bind: (value: unknown) => `$${values.push(value)}`,
    and: (sql: string) => void joined.push(sql),
    /** Returns the joined conditions, or `true` if there are none. */
    sql: () => joined.join(" AND ") || "true",
  };
}

export type WhereBuilder = ReturnType<typeof createWhereBuilder>;
