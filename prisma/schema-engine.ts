import { readFile } from "node:fs/promises";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory, type SqlMigrationAwareDriverAdapterFactory } from "@prisma/driver-adapter-utils";
import type { SchemaEngine } from "@prisma/schema-engine-wasm";
import pg from "pg";

/** What wasm-bindgen's glue exports beside its classes; the package's types leave it out. */
interface Glue {
  __wbg_set_wasm(exports: object): void;
  SchemaEngine: typeof SchemaEngine;
}

/** What is used of it: the types of Node 20 leave it out, and those of the DOM bring a browser along. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: Record<string, object>): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

const glueModule = "@prisma/schema-engine-wasm/schema_engine_bg";

/**
 * The engine of Prisma's own migrations, as WebAssembly over the pg driver: nothing to download. `datamodel` is path and
 * text of the schema. The caller frees it.
 */
export async function createSchemaEngine(url: string, datamodel: [path: string, text: string]): Promise<SchemaEngine> {
  const glue = (await import(glueModule)) as Glue;
  const wasm = await readFile(new URL("schema_engine_bg.wasm", import.meta.resolve(glueModule)));
  const { instance } = await WebAssembly.instantiate(wasm, { "./schema_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  const adapter = bindMigrationAwareSqlAdapterFactory(wholeScripts(url));
  return glue.SchemaEngine.new({ datamodels: [datamodel] }, () => {}, adapter);
}

/**
 * Prisma's adapter cuts a script at every semicolon, function bodies included, and commits each piece. Here a script is
 * one simple query: PostgreSQL parses it, and runs it in one transaction. The shadow database can be dropped
 * while its pool is still closing.
 */
function wholeScripts(url: string): SqlMigrationAwareDriverAdapterFactory {
  const connect = async (database?: string) => {
    const target = new URL(url);
    if (database) target.pathname = database;
    const adapter = await new PrismaPg({ connectionString: target.href, connectionTimeoutMillis: 5_000 }).connect();
    adapter.executeScript = async (script) => void (await adapter.executeRaw({ sql: script, args: [], argTypes: [] }));
    return adapter;
  };
  return {
    provider: "postgres",
    adapterName: "@prisma/adapter-pg",
    connect: () => connect(),
    async connectToShadowDb() {
      const name = `shadow_${crypto.randomUUID().replaceAll("-", "")}`;
      await statement(url, `CREATE DATABASE ${name}`);
      const adapter = await connect(name);
      const dispose = adapter.dispose.bind(adapter);
      adapter.dispose = async () => {
        await dispose();
        await statement(url, `DROP DATABASE ${name} WITH (FORCE)`);
      };
      return adapter;
    },
  };
}

async function statement(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
