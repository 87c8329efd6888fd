import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { PrismaPg } from "@prisma/adapter-pg";
import {
  ColumnTypeEnum,
  bindMigrationAwareSqlAdapterFactory,
  type SqlMigrationAwareDriverAdapterFactory,
} from "@prisma/driver-adapter-utils";
import type { SchemaEngine } from "@prisma/schema-engine-wasm";
import pg from "pg";

/** The exports of wasm-bindgen's glue that the package's types lack. */
interface Glue {
  __wbg_set_wasm(exports: object): void;
  SchemaEngine: typeof SchemaEngine;
}

declare global {
  /** Receives the engine's panic message before it traps; the engine requires it. */
  var PRISMA_WASM_PANIC_REGISTRY: { set_message(message: string): void } | undefined;
}

/** The parts of WebAssembly that are used here: the types of Node 20 lack it, and those of the DOM would add a browser's globals. */
declare const WebAssembly: {
  instantiate(
    bytes: Uint8Array,
    imports: Record<string, object>,
  ): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

const glueModule = "@prisma/schema-engine-wasm/schema_engine_bg";

/**
 * Runs `work` with Prisma's migration engine, which runs as WebAssembly over the pg driver, so that nothing has to be downloaded. `datamodel`
 * contains the path and the text of the schema. All connections of the engine are closed when this settles.
 */
export function withSchemaEngine<Result>(
  url: string,
  datamodel: [path: string, text: string],
  work: (engine: SchemaEngine) => Promise<Result>,
): Promise<Result> {
  const turn = earlier.then(() => lendSchemaEngine(url, datamodel, work));
  earlier = turn.catch(() => {});
  return turn;
}

/** Calls run one after the other: two calls in the same instance would corrupt each other's memory. */
let earlier: Promise<unknown> = Promise.resolve();

async function lendSchemaEngine<Result>(
  url: string,
  datamodel: [path: string, text: string],
  work: (engine: SchemaEngine) => Promise<Result>,
): Promise<Result> {
  engineClass ??= loadEngine();
  const { factory, close } = wholeScripts(url);
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(factory);
    const engine = await (await engineClass).new({ datamodels: [datamodel] }, () => {}, adapter);
    const result = await work(engine);
    engine.free();
    return result;
  } catch (error) {
    // The memory of an instance that failed may be damaged: the next call has another one.
    engineClass = undefined;
    throw error;
  } finally {
    await close();
  }
}

/** The engine, which is loaded once: the glue supports only one instance, so that another instance needs a glue of its own. */
let engineClass: Promise<typeof SchemaEngine> | undefined;
let instances = 0;

async function loadEngine(): Promise<typeof SchemaEngine> {
  globalThis.PRISMA_WASM_PANIC_REGISTRY = {
    set_message(message) {
      throw new Error(`Prisma's schema engine gave up: ${message}`);
    },
  };
  const gluePath = createRequire(import.meta.url).resolve(glueModule);
  instances += 1;
  const glue = (await import(`${pathToFileURL(gluePath).href}?instance=${instances}`)) as Glue;
  const folder = dirname(gluePath);
  const wasm = await readFile(join(folder, "schema_engine_bg.wasm"));
  const { instance } = await WebAssembly.instantiate(wasm, { "./schema_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return glue.SchemaEngine;
}

/** Catalogue columns of PostgreSQL's one-byte type `"char"`, which the engine selects and the adapter does not support. */
const charNames = ["constraint_type", "confdeltype", "confupdtype"];

function asText(sql: string): string {
  return sql
    .replaceAll("constr.contype AS constraint_type", "constr.contype::text AS constraint_type")
    .replaceAll(/\bcon\.(confdeltype|confupdtype),/g, "con.$1::text AS $1,");
}

/**
 * Prisma's adapter splits a script at every semicolon, even in function bodies, and commits each part. Here a script is one simple query, which
 * PostgreSQL parses and runs in one transaction. The engine does not close its connections: `close` ends them, and then drops the
 * shadow databases.
 */
function wholeScripts(url: string): {
  factory: SqlMigrationAwareDriverAdapterFactory;
  close: () => Promise<void>;
} {
  const disposals: (() => Promise<void>)[] = [];
  const connect = async (target: string) => {
    const adapter = await new PrismaPg({
      connectionString: target,
      connectionTimeoutMillis: 5_000,
    }).connect();
    const dispose = adapter.dispose.bind(adapter);
    disposals.unshift(dispose);
    adapter.dispose = async () => {};
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw({ ...query, sql: asText(query.sql) });
      result.columnTypes = result.columnTypes.map((type, index) =>
        charNames.includes(result.columnNames[index]!) ? ColumnTypeEnum.Character : type,
      );
      return result;
    };
    adapter.executeScript = async (script) =>
      void (await adapter.executeRaw({ sql: script, args: [], argTypes: [] }));
    return adapter;
  };
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: "postgres",
    adapterName: "@prisma/adapter-pg",
    connect: () => connect(url),
    async connectToShadowDb() {
      const name = `shadow_${crypto.randomUUID().replaceAll("-", "")}`;
      await statement(url, `CREATE DATABASE ${name}`);
      disposals.unshift(() => statement(url, `DROP DATABASE ${name} WITH (FORCE)`));
      const target = new URL(url);
      target.pathname = name;
      return connect(target.href);
    },
  };
  return {
    factory,
    async close() {
      for (const dispose of disposals) await dispose();
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
