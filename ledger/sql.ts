import type { Pool, PoolClient } from "pg";
import type { Prisma } from "../prisma/generated/client.ts";

/** A statement with named parameters, and the type of the rows that it returns. */
export interface Statement<Parameters, Row> {
  /** PostgreSQL plans a named statement once a connection; one without a name is planned for the values at hand. */
  readonly name: string | undefined;
  /** The statement as PostgreSQL takes it: `$1` and so on in the place of names. */
  readonly text: string;
  /** The name that stands behind each `$n`. */
  readonly parameters: readonly (keyof Parameters & string)[];
  /** Only for the compiler: a statement has no rows until it is executed. */
  readonly row?: Row;
}

/**
 * Defines a statement. A parameter is written as `:name`, wherever and as often as it is needed, with a cast that names its type
 * (`:ids::uuid[]`). Quoted text and comments of the statement are left alone.
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

/** A comment, quoted text, or a parameter; `::` is a cast, and no parameter. */
const tokens = /--[^\n]*|'(?:[^']|'')*'|(?<![:\w]):([a-zA-Z]\w*)/g;

/** The form in which `pg` takes a statement with its values. */
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

/** Executes statements over one connection, one transaction, or a pool; resolves with the rows. */
export type Execute = <Parameters extends object, Row>(
  statement: Statement<Parameters, Row>,
  values: Parameters,
) => Promise<Row[]>;

/** Executes over a pool or a connection of `pg`. */
export const executeOn =
  (client: Pick<Pool | PoolClient, "query">): Execute =>
  async (statement, values) =>
    (await client.query(bindStatement(statement, values))).rows;

/** Executes over a pool or a connection of `pg` a statement whose rows are arrays, in the order of its columns. */
export const executeForArrays =
  (client: Pick<Pool | PoolClient, "query">): Execute =>
  async (statement, values) => {
    const query = { ...bindStatement(statement, values), rowMode: "array" as const };
    return (await client.query(query)).rows as never[];
  };

/** Executes within a transaction of Prisma's. */
export const executeIn =
  (tx: Pick<Prisma.TransactionClient, "$queryRawUnsafe">): Execute =>
  (statement, values) => {
    const { text, values: bound } = bindStatement(statement, values);
    return tx.$queryRawUnsafe(text, ...bound);
  };
