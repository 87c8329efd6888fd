import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { newUuid } from "../../domain/ids.ts";
import {
  applyMigrations,
  checkMigrations,
  writeMigration,
  type MigrationSource,
} from "../../prisma/migrate.ts";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../support/postgres.ts";

const shadowUrl = inject("postgresUrl");

describe("migrations", () => {
  let folder: string;
  let source: MigrationSource;
  let database: TestDatabase;

  /** Takes migrations away, until what it returns is called. */
  async function setAside(which: (name: string) => boolean): Promise<() => Promise<void>> {
    const names = (await readdir(source.migrationsFolder)).filter(
      (name) => /^\d/.test(name) && which(name),
    );
    const aside = join(folder, "aside");
    for (const name of names) {
      await cp(join(source.migrationsFolder, name), join(aside, name), { recursive: true });
      await rm(join(source.migrationsFolder, name), { recursive: true });
    }
    return () => cp(aside, source.migrationsFolder, { recursive: true });
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidings-migrations-"));
    await cp(join(packageRoot, "prisma/schema.prisma"), join(folder, "schema.prisma"));
    await cp(join(packageRoot, "prisma/migrations"), join(folder, "migrations"), {
      recursive: true,
    });
    source = {
      schemaPath: join(folder, "schema.prisma"),
      migrationsFolder: join(folder, "migrations"),
    };
    database = await createEmptyDatabase();
  });

  afterEach(async () => {
    await database.drop();
    await rm(folder, { recursive: true });
  });

  const addField = async () =>
    writeFile(
      source.schemaPath,
      (await readFile(source.schemaPath, "utf8")).replace(
        /^model Template \{/m,
        "$&\n  remark String?",
      ),
    );

  it("are applied once, also when several processes start at once", async () => {
    const applied = await Promise.all([1, 2, 3].map(() => applyMigrations(database.url, source)));
    expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
    expect(await applyMigrations(database.url, source)).toEqual([]);
    expect(await checkMigrations({ shadowUrl, databaseUrl: database.url, source })).toEqual([]);
  });

  it("are found to lack what the schema says beyond them, until it is written as the next one", async () => {
    await applyMigrations(database.url, source);
    await addField();
    expect(await checkMigrations({ shadowUrl, source })).toEqual([
      expect.stringContaining('ALTER TABLE "templates" ADD COLUMN     "remark" TEXT'),
    ]);

    const now = new Date("2026-12-24T18:00:00Z");
    const written = await writeMigration({ shadowUrl, name: "Template remark", now, source });
    expect(written).toBe(join(source.migrationsFolder, "20261224180000_template_remark"));
    expect(await checkMigrations({ shadowUrl, databaseUrl: database.url, source })).toEqual([
      expect.stringContaining("The database lacks 20261224180000_template_remark"),
    ]);
    expect(await applyMigrations(database.url, source)).toEqual(["20261224180000_template_remark"]);
    expect(await writeMigration({ shadowUrl, name: "nothing", now, source })).toBeNull();
    expect(await checkMigrations({ shadowUrl, databaseUrl: database.url, source })).toEqual([]);
  });

  it("bring addresses and idempotency keys that were kept in several forms into one", async () => {
    const name = "20261129190000_one_form_of_addresses_and_keys";
    const [here, elsewhere] = [join(source.migrationsFolder, name), join(folder, name)];
    await cp(here, elsewhere, { recursive: true });
    await rm(here, { recursive: true });
    await applyMigrations(database.url, source);
    const { prisma } = database;
    await prisma.recipient.create({ data: { id: newUuid(), email: "rene\u0301@example.org" } });
    const suppressions = [
      "rene\u0301@a.example",
      "ren\u00e9@a.example",
      "zoe\u0308@a.example",
      "bob@a.example",
    ];
    // The first of two that become one is over some day.
    suppressions.push("leo\u0301@a.example", "le\u00f3@a.example");
    for (const [n, address] of suppressions.entries())
      await prisma.suppression.create({
        data: {
          id: newUuid(),
          channel: "email",
          address,
          reason: "manual",
          note: `${n}`,
          createdBy: "bootstrap",
          createdAt: new Date(n),
          expiresAt: n === 4 ? new Date(9) : null,
        },
      });
    const keys = ["both", '"both"', '"a \\"b\\" \\\\"', '"open', 'in"side', '""'];
    for (const key of keys)
      await prisma.idempotencyKey.create({
        data: { scope: "s", key, requestHash: key, status: 200, body: key },
      });

    await cp(elsewhere, here, { recursive: true });
    expect(await applyMigrations(database.url, source)).toEqual([name]);
    expect((await prisma.recipient.findFirstOrThrow()).email).toBe("ren\u00e9@example.org");
    const kept = await prisma.suppression.findMany({ orderBy: { createdAt: "asc" } });
    expect(kept.map(({ address, note }) => [address, note])).toEqual([
      ["ren\u00e9@a.example", "0"],
      ["zo\u00eb@a.example", "2"],
      ["bob@a.example", "3"],
      ["le\u00f3@a.example", "5"],
    ]);
    const found = await prisma.idempotencyKey.findMany();
    expect(new Map(found.map(({ key, requestHash }) => [key, requestHash]))).toEqual(
      new Map([
        ["both", "both"],
        ['a "b" \\', '"a \\"b\\" \\\\"'],
        ['"open', '"open'],
        ['in"side', 'in"side'],
        ['""', '""'],
      ]),
    );
  });

  it("carry what is open over to its own table, and leave what has ended where it is", async () => {
    const name = "20261130080000_open_and_ended_deliveries";
    const restore = await setAside((other) => other >= name);
    await applyMigrations(database.url, source);
    const { prisma } = database;
    const [recipient, template, version, campaign] = [newUuid(), newUuid(), newUuid(), newUuid()];
    await prisma.$executeRaw`INSERT INTO recipients (id) VALUES (${recipient}::uuid)`;
    await prisma.$executeRaw`INSERT INTO templates (id, key, name) VALUES (${template}::uuid, 'a', 'A')`;
    await prisma.$executeRaw`INSERT INTO template_versions (id, template_id, version, content, variables) VALUES (${version}::uuid, ${template}::uuid, 1, '{}', '{}')`;
    await prisma.$executeRaw`
      INSERT INTO campaigns (id, name, status, template_version_id, audience, lane_count) VALUES (${campaign}::uuid, 'A', 'running', ${version}::uuid, '{}', 1)`;
    const statuses = ["pending", "sending", "sent", "failed"];
    await prisma.$executeRaw`
      INSERT INTO deliveries (id, campaign_id, recipient_id, leg, channel, priority, queue, status, due_at, reason, attempt_count, hold_count, finished_at, lease_until)
      SELECT uuid_v7(now()), ${campaign}::uuid, ${recipient}::uuid, status, 'email', 'normal', 'mailbox/0', status::delivery_status,
        CASE WHEN status IN ('pending', 'sending') THEN now() END, CASE WHEN status IN ('pending', 'failed') THEN 'retry' END, 1, 2,
        CASE WHEN status IN ('sent', 'failed') THEN now() END, CASE WHEN status = 'sending' THEN now() + interval '1 hour' END
      FROM unnest(${statuses}::text[]) AS status`;
    await prisma.$executeRaw`
      INSERT INTO attempts (delivery_id, number, outcome, started_at, finished_at) SELECT id, 1, 'transient', now(), now() FROM deliveries`;
    const asked = () =>
      prisma.$queryRaw`
        SELECT d.id, d.leg, d.status, d.due_at, d.reason, d.attempt_count, d.hold_count, d.finished_at, d.lease_until, d.created_at, a.number, a.outcome
        FROM deliveries d JOIN attempts a ON a.delivery_id = d.id ORDER BY d.id`;
    const before = await asked();

    await restore();
    expect((await applyMigrations(database.url, source))[0]).toBe(name);
    expect(before).toHaveLength(4);
    expect(await asked()).toEqual(before);
    const legs = async (of: { findMany(): Promise<{ leg: string }[]> }) =>
      (await of.findMany()).map(({ leg }) => leg).sort();
    expect(await legs(prisma.openDelivery)).toEqual(["pending", "sending"]);
    expect(await legs(prisma.endedDelivery)).toEqual(["failed", "sent"]);
  });

  it("that were edited after they were applied are refused by name", async () => {
    const [first] = await applyMigrations(database.url, source);
    const path = join(source.migrationsFolder, first!, "migration.sql");
    await writeFile(path, `${await readFile(path, "utf8")}\nSELECT 1;\n`);
    await expect(applyMigrations(database.url, source)).rejects.toThrow(
      `Edited after they were applied: ${first}`,
    );
  });

  it("that fail leave no changes, and are named until they are repaired", async () => {
    await applyMigrations(database.url, source);
    await addField();
    const now = new Date("2026-12-24T18:00:00Z");
    const path = join(
      (await writeMigration({ shadowUrl, name: "broken", now, source }))!,
      "migration.sql",
    );
    const good = await readFile(path, "utf8");
    await writeFile(path, `${good}\nSELECT 1 / 0;\n`);
    await expect(applyMigrations(database.url, source)).rejects.toThrow("division by zero");
    await expect(applyMigrations(database.url, source)).rejects.toThrow("Failed half-way");

    await writeFile(path, good);
    await database.prisma.$executeRaw`DELETE FROM _prisma_migrations WHERE finished_at IS NULL`;
    expect(await applyMigrations(database.url, source)).toEqual(["20261224180000_broken"]);
  });

  it("that the files do not have are named", async () => {
    const [first] = await applyMigrations(database.url, source);
    await rm(join(source.migrationsFolder, first!), { recursive: true });
    await expect(applyMigrations(database.url, source)).rejects.toThrow(
      `not among the files: ${first}`,
    );
  });
});

describe("the migrated database", () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(() => database.drop());

  it("makes UUIDs of version 7 that carry their instant and do not repeat", async () => {
    const at = new Date("2026-11-22T10:20:30.456Z");
    const [row] = await database.prisma.$queryRaw<
      { count: bigint; first: string; wrong: bigint }[]
    >`
      SELECT count(DISTINCT id), min(id::text) AS first,
        count(*) FILTER (WHERE id::text !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$') AS wrong
      FROM (SELECT uuid_v7(${at}::timestamptz) AS id FROM generate_series(1, 10000)) AS made`;
    expect(row).toMatchObject({ count: 10_000n, wrong: 0n });
    expect(Number.parseInt(row!.first.replaceAll("-", "").slice(0, 12), 16)).toBe(at.getTime());
  });

  it("refuses a delivery of no source, an open one that is never due or half claimed, and an ended one that is pending", async () => {
    const open = (campaign: boolean, dueAt: Date | null, token: string | null = null) =>
      database.prisma.$executeRaw`
        INSERT INTO open_deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at, lease_token)
        SELECT uuid_v7(now()), CASE WHEN ${campaign} THEN uuid_v7(now()) END, uuid_v7(now()), 'email', 'normal', 'mailbox/0', ${dueAt}, ${token}::uuid`;
    const ended = (campaign: boolean, status: string) =>
      database.prisma.$executeRaw`
        INSERT INTO ended_deliveries (id, campaign_id, recipient_id, channel, priority, queue, status, finished_at)
        SELECT uuid_v7(now()), CASE WHEN ${campaign} THEN uuid_v7(now()) END, uuid_v7(now()), 'email', 'normal', 'mailbox/0', ${status}::delivery_status, now()`;
    await expect(open(false, new Date())).rejects.toThrow("open_deliveries_one_source");
    await expect(open(true, null)).rejects.toThrow("due_at");
    await expect(open(true, new Date(), newUuid())).rejects.toThrow("open_deliveries_lease");
    await expect(open(true, new Date())).rejects.toThrow("open_deliveries_campaign_id_fkey");
    await expect(ended(false, "sent")).rejects.toThrow("ended_deliveries_one_source");
    await expect(ended(true, "sending")).rejects.toThrow("ended_deliveries_status");
    await expect(ended(true, "failed")).rejects.toThrow("ended_deliveries_reason_where_unsent");
    await expect(ended(true, "sent")).rejects.toThrow("ended_deliveries_campaign_id_fkey");
  });
});
