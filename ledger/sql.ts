import type { Pool, PoolClient } from "pg";
import type { Prisma } from "../prisma/generated/client.ts";

/** A statement with named parameters, and the type of the rows that it returns. */
export interface Statement<Parameters, Row> {
  /** PostgreSQL plans a named statement once per connection, and a statement without a name for the values of each call. */
  readonly name: string | undefined;
  /** The statement with `$1` and so on in place of the names. */
  readonly text: string;
  /** The name of each `$n`. */
  readonly parameters: readonly (keyof Parameters & string)[];
  /** Only the type is used: a statement has no rows until it is executed. */
  readonly row?: Row;
}

/**
 * Defines a statement. A parameter is written as `:name`, any number of times, with a cast to its type (`:ids::uuid[]`). Quoted text and
 * comments in the statement are not changed.
 */
export function defineStatement<Parameters extends object, Row = unknown>(
  text: string,
  name?: string,
): Statement<Parameters, Row> {
  const parameters: string[] = [];
  const numbered = text.replace(tokens, (token: string, parameter: string | undefined) => {
    if (parameter === undefined) return token;
    const known = parameters.indexOf(parameter);
    return `$${known === -1 ? parameters.push(parameter) : known + 1}`;
  });
  return { name, text: numbered, parameters: parameters as (keyof Parameters & string)[] };
}

/** A comment, quoted text, or a parameter; `::` is a cast. */
const tokens = /--[^\n]*|'(?:[^']|'')*'|(?<![:\w]):([a-zA-Z]\w*)/g;

/** Combines a statement with its values into the form that `pg` executes. */
export function bindStatement<Parameters extends object, Row>(
  { name, text, parameters }: Statement<Parameters, Row>,
  values: Parameters,
): { name?: string; text: string; values: unknown[] } {
  return {
    ...(name !== undefined && { name }),
    text,
    values: parameters.map((parameter) => values[parameter]),
  };
}

/** Executes statements over a connection, a transaction or a pool. Resolves with the rows. */
export type Execute = <Parameters extends object, Row>(
  statement: Statement<Parameters, Row>,
  values: Parameters,
) => Promise<Row[]>;

/** Executes statements over a pool or a connection of `pg`. */
export const executeOn =
  (client: Pick<Pool | PoolClient, "query">): Execute =>
  async (statement, values) =>
    (await client.query(bindStatement(statement, values))).rows;

/** Executes statements over a pool or a connection of `pg`, with rows as arrays in the order of the columns. */
export const executeForArrays =
  (client: Pick<Pool | PoolClient, "query">): Execute =>
  async (statement, values) => {
    const query = { ...bindStatement(statement, values), rowMode: "array" as const };
    return (await client.query(query)).rows as never[];
  };

/** Executes statements within a transaction of Prisma. */
export const executeIn =
  (tx: Pick<Prisma.TransactionClient, "$queryRawUnsafe">): Execute =>
  (statement, values) => {
    const { text, values: bound } = bindStatement(statement, values);
    return tx.$queryRawUnsafe(text, ...bound);
  };

/** Whether a statement failed because of a value that PostgreSQL cannot represent (SQLSTATE class 22): it fails again with the same values. */
export const isDataFault = (error: unknown): boolean =>
  error instanceof Error && "code" in error && String(error.code).startsWith("22");
