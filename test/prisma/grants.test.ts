import { randomBytes } from "node:crypto";
import pg from "pg";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { retentionTables } from "../../domain/retention.ts";
import { freezeAudience } from "../../ledger/freeze-audience.ts";
import { createExpired } from "../../ledger/retention.ts";
import { createPool } from "../../ledger/worker-pool.ts";
import { createPrisma } from "../../prisma/client.ts";
import { grantToApplication } from "../../prisma/grants.ts";
import { applyMigrations, databaseFaults } from "../../prisma/migrate.ts";
import { type Api, seed, startApi } from "../api/harness.ts";
import { createPolicyWorld } from "../support/policy-world.ts";
import { createEmptyDatabase, type TestDatabase } from "../support/postgres.ts";

const suffix = randomBytes(6).toString("hex");
const [owner, app] = [`owner_${suffix}`, `app_${suffix}`];

let database: TestDatabase;
let admin: pg.Client;
let ownerUrl: string;
let appUrl: string;
let api: Api;
let worker: ReturnType<typeof createPool>;

beforeAll(async () => {
  database = await createEmptyDatabase();
  admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  const as = (role: string) => {
    const url = new URL(database.url);
    url.username = role;
    url.password = suffix;
    return url.href;
  };
  for (const role of [owner, app])
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${suffix}'`);
  await admin.query(`GRANT SET ON PARAMETER session_replication_role TO ${app}`);
  await admin.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} OWNER TO ${owner}`);
  await admin.query(`GRANT CREATE ON SCHEMA public TO ${owner}`);
  [ownerUrl, appUrl] = [as(owner), as(app)];
  await applyMigrations(ownerUrl);
  await grantToApplication(ownerUrl, app);
  // As after the next migration.
  await grantToApplication(ownerUrl, app);
  const prisma = createPrisma({ url: appUrl, connections: 5 });
  api = await startApi({
    database: { url: appUrl, prisma, drop: () => prisma.$disconnect() },
    config: { mailboxShards: 1 },
  });
  worker = createPool({ url: appUrl, connections: 4, logger: pino({ level: "silent" }) });
});
afterAll(async () => {
  await api.stop();
  await api.prisma.$disconnect();
  await worker.end();
  await admin.query(`DROP OWNED BY ${owner}, ${app} CASCADE`);
  await admin.end();
  await database.drop();
});

describe("the role of API and workers", () => {
  it("may do all that these do", async () => {
    await seed(api, 10);
    const ok = async (method: string, path: string, body?: unknown, headers = {}) => {
      const { status, body: answer } = await api.send(method, path, body, headers);
      expect([path, status < 300, status < 300 ? null : answer]).toEqual([path, true, null]);
      return answer;
    };
    const template = { key: "order-shipped" };
    await ok("POST", "/v1/segments", {
      key: "s",
      name: "S",
      filter: { attribute: "even", equals: true },
    });
    await ok("POST", "/v1/notification-types", { key: "a.type", name: "A type" });
    const { id: key } = await ok("POST", "/v1/api-keys", { name: "k", role: "viewer" });
    await ok("POST", `/v1/api-keys/${key}/rotate`, { overlapSeconds: 60 });
    const suppression = await ok("POST", "/v1/suppressions", {
      channel: "email",
      address: "no@example.org",
    });
    await ok("DELETE", `/v1/suppressions/${suppression.id}`);
    const campaign = await ok("POST", "/v1/campaigns", {
      name: "C",
      template,
      data: { order: "1" },
      audience: { include: ["s"] },
      throttle: { perSecond: 5 },
    });
    await ok("POST", `/v1/campaigns/${campaign.id}/start`);
    await freezeAudience(worker, parsePublicId("campaign", campaign.id)!, campaign.id);
    await ok("POST", `/v1/campaigns/${campaign.id}/cancel`);
    await ok("POST", "/v1/recipients/import", '{"externalId":"u3","email":"new@example.org"}', {
      "content-type": "application/x-ndjson",
    });
    await ok("PUT", "/v1/recipients/u3/preferences", { maxPerHour: 3 });
    await ok("POST", "/v1/recipients/u3/revoke-links");
    const { body } = await api.send("POST", "/v1/notifications", {
      recipients: ["u3", "u4"],
      template,
      data: { order: "1" },
    });
    const { dispatch } = createPolicyWorld(worker).worker();
    await dispatch();
    const { body: notification } = await api.send("GET", `/v1/notifications/${body.id}`);
    expect(notification.counts).toMatchObject({ sent: 2 });
    const { body: erased } = await api.send("DELETE", "/v1/recipients/u3");
    expect(erased.recipient).toMatch(/^rcp_/);
    const expired = createExpired({
      pool: worker,
      retention: { deliveriesDays: 1, auditDays: 1, idempotencyDays: 1, inboxDays: 90 },
    });
    const now = new Date(Date.now() + 40 * 86_400_000);
    for (const table of retentionTables)
      expect(await expired.remove({ table, now, after: null })).toHaveProperty("removed");
    expect(await databaseFaults(appUrl)).toEqual([]);
    await expect((await api.app.request("/readyz")).json()).resolves.toMatchObject({
      status: "ready",
    });
  });

  it.each([
    "ALTER TABLE recipients ADD COLUMN x int",
    "DROP TABLE audit_entries",
    "TRUNCATE recipients CASCADE",
    "CREATE TABLE mine (x int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
    "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
    "UPDATE audit_entries SET actor = 'nobody'",
    "UPDATE audit_entries SET created_at = now()",
    "DELETE FROM _prisma_migrations",
    "DELETE FROM data_keys",
    "DELETE FROM sealing_canary",
    "UPDATE _prisma_migrations SET checksum = ''",
    "SELECT pg_read_file('/etc/passwd')",
    `GRANT ${owner} TO ${app}`,
  ])("may not do more: %s", async (statement) => {
    await expect(api.pool.query(statement)).rejects.toThrow(/permission denied|must be owner/);
  });
});
