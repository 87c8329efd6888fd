import type { PoolClient } from "pg";
import type { Prisma } from "../prisma/generated/client.ts";

/** Runs a statement within a transaction, whichever client it is of. */
export type Run = <Row>(sql: string, values: unknown[]) => Promise<Row[]>;

export const runOf =
  (tx: Prisma.TransactionClient): Run =>
  <Row>(sql: string, values: unknown[]) =>
    tx.$queryRawUnsafe<Row[]>(sql, ...values);

export const runOn =
  (client: Pick<PoolClient, "query">): Run =>
  async <Row>(sql: string, values: unknown[]) =>
    (await client.query(sql, values)).rows as Row[];
