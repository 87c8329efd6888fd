import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  apiVariables,
  ConfigurationError,
  readEnvironment,
  variables,
  workerVariables,
  type Variable,
} from "./environment.ts";
import { outboundVariables } from "./outbound.ts";

const database = "postgresql://tidings:hunter2@db.example.org:5432/tidings";

/** The faults of the environment; null where there are none. */
function faultsOf(names: readonly Variable[], source: NodeJS.ProcessEnv): readonly string[] | null {
  try {
    readEnvironment(names, source);
    return null;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const fault of error.faults) expect(error.message).toContain(fault);
    return error.faults;
  }
}

describe("the environment", () => {
  it("needs only a database, a mail server and a secret for links to start a worker", () => {
    const environment = readEnvironment(workerVariables, {
      DATABASE_URL: database,
      SMTP_URL: "smtp://mail.example.org",
      TOKEN_SECRET: "s".repeat(32),
      // A worker does not read this variable, so its fault is ignored.
      API_PORT: "none",
    });
    expect(environment).toMatchObject({
      DATABASE_URL: database,
      LOG_LEVEL: "info",
      MAIL_FROM: { name: "Tidings", mailbox: { address: "tidings@localhost" } },
      PUBLIC_URL: "http://127.0.0.1:8080",
      RETRY_ATTEMPTS: 10,
      SEALING_KEYS: [],
    });
    expect(environment).not.toHaveProperty("API_PORT");
  });

  it("reports every fault at once, each with its variable and the expected value", () => {
    expect(
      faultsOf(apiVariables, {
        DATABASE_URL: "mysql://db.example.org",
        DATABASE_CONNECTIONS: "1",
        LOG_LEVEL: "loud",
        MAILBOX_SHARDS: "2.5",
        API_PORT: "http",
        TIDINGS_API_KEY: "",
      }),
    ).toEqual([
      "DATABASE_URL must be postgresql://user:password@host:port/database",
      "DATABASE_CONNECTIONS must be at least 5",
      "LOG_LEVEL must be trace, debug, info, warn, error, fatal or silent",
      "MAILBOX_SHARDS must be a whole number",
      "API_PORT must be a whole number from 0 to 65535",
      "TIDINGS_API_KEY is not set: it must be a secret of at least 24 characters, which callers send as a bearer token",
      "TOKEN_SECRET is not set: it must be a secret of at least 32 characters, which signs the links in messages",
    ]);
  });

  it("never repeats a value in a fault", () => {
    const secret = "hunter2";
    const source = Object.fromEntries(Object.keys(variables).map((name) => [name, `${secret}@@`]));
    const faults = faultsOf(Object.keys(variables) as Variable[], source)!;
    const accepted = Object.keys(variables).filter(
      (name) => !faults.some((fault) => fault.startsWith(`${name} `)),
    );
    // Any text is a host, a folder, a name, an imprint, an external id, or the id or secret of a client.
    expect(accepted.toSorted()).toEqual([
      "ALERT_RECIPIENTS",
      "API_HOST",
      "CONSOLE_ENVIRONMENT",
      "INBOUND_HOST",
      "OIDC_CLIENT_ID",
      "OIDC_CLIENT_SECRET",
      "OIDC_GROUPS_CLAIM",
      "OTEL_SERVICE_NAME",
      "PAGES_IMPRINT",
      "PAGES_NAME",
      "TZDIR",
      "WORKER_HOST",
    ]);
    expect(faults.join("\n")).not.toContain(secret);
  });
});

describe("a secret in a file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tidings-environment-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function file(content: string): string {
    const path = join(folder, "secret");
    writeFileSync(path, content);
    return path;
  }

  it("is read without the line end that editors add", () => {
    const source = { DATABASE_URL_FILE: file(`${database}\n`) };
    expect(readEnvironment(["DATABASE_URL"], source)).toEqual({ DATABASE_URL: database });
  });

  it("is a fault if the variable itself is set too", () => {
    const source = { DATABASE_URL: database, DATABASE_URL_FILE: file(database) };
    expect(faultsOf(["DATABASE_URL"], source)).toEqual([
      "DATABASE_URL and DATABASE_URL_FILE are both set: keep one",
    ]);
  });

  it("is a fault where the file cannot be read, or is empty", () => {
    const path = join(folder, "absent");
    expect(
      faultsOf(["DATABASE_URL", "TOKEN_SECRET"], {
        DATABASE_URL_FILE: path,
        TOKEN_SECRET_FILE: file("\n"),
      }),
    ).toEqual([
      `DATABASE_URL_FILE names a file that cannot be read: ${path}`,
      "TOKEN_SECRET is not set: it must be a secret of at least 32 characters, which signs the links in messages",
    ]);
  });

  it("is validated like the variable, and not repeated in a fault", () => {
    const [fault, ...more] = faultsOf(["TIDINGS_API_KEY"], {
      TIDINGS_API_KEY_FILE: file("short"),
    })!;
    expect(more).toEqual([]);
    expect(fault).toBe("TIDINGS_API_KEY must have at least 24 characters");
  });
});

describe("TOKEN_SECRET", () => {
  const read = (value: string) => readEnvironment(["TOKEN_SECRET"], { TOKEN_SECRET: value });
  const [newest, older] = ["n".repeat(32), "an older secret that has blanks in it"];

  it("contains one secret on each line, the newest first", () => {
    expect(read(older)).toEqual({ TOKEN_SECRET: [older] });
    expect(read(`${newest}\n\n ${older}\r\n`)).toEqual({ TOKEN_SECRET: [newest, older] });
  });

  it("is refused where one of them is too short", () => {
    expect(faultsOf(["TOKEN_SECRET"], { TOKEN_SECRET: "short" })).toEqual([
      "TOKEN_SECRET must have at least 32 characters",
    ]);
    expect(faultsOf(["TOKEN_SECRET"], { TOKEN_SECRET: `${newest}\nshort` })).toEqual([
      "TOKEN_SECRET must have at least 32 characters on each line",
    ]);
  });
});

describe("CORS_ORIGINS", () => {
  it("are origins as browsers send them, separated by spaces or commas", () => {
    const given =
      "https://app.example.org, https://a.example:8443\nhttp://localhost:5173 http://[::1]:3000";
    expect(readEnvironment(["CORS_ORIGINS"], { CORS_ORIGINS: given })).toEqual({
      CORS_ORIGINS: [
        "https://app.example.org",
        "https://a.example:8443",
        "http://localhost:5173",
        "http://[::1]:3000",
      ],
    });
    expect(readEnvironment(["CORS_ORIGINS"], {})).toEqual({ CORS_ORIGINS: [] });
  });

  it.each([
    "*",
    "null",
    "app.example.org",
    "http://app.example.org",
    "https://app.example.org/",
    "https://app.example.org:443",
    "https://App.example.org",
    "https://user@app.example.org",
    "ftp://localhost",
  ])("are not %s", (text) => {
    expect(faultsOf(["CORS_ORIGINS"], { CORS_ORIGINS: text })).toEqual([
      "CORS_ORIGINS must be origins such as https://app.example.org, separated by spaces; http is accepted for loopback addresses only",
    ]);
  });
});

describe("MAIL_FROM_DOMAINS", () => {
  it("is parsed to domains in their ASCII form", () => {
    const given = "news.example.org, Bücher.example";
    expect(readEnvironment(["MAIL_FROM_DOMAINS"], { MAIL_FROM_DOMAINS: given })).toEqual({
      MAIL_FROM_DOMAINS: ["news.example.org", "xn--bcher-kva.example"],
    });
    expect(readEnvironment(["MAIL_FROM_DOMAINS"], {})).toEqual({ MAIL_FROM_DOMAINS: [] });
  });

  it.each(["ada@example.org", "http://example.org", "*"])("is refused: %s", (text) => {
    expect(faultsOf(["MAIL_FROM_DOMAINS"], { MAIL_FROM_DOMAINS: text })).toEqual([
      "MAIL_FROM_DOMAINS must be domains separated by spaces",
    ]);
  });
});

describe("MAIL_FROM", () => {
  it.each([
    "Tidings",
    "tidings@",
    "Tidings <tidings@127.0.0.1>",
    "Tidings <ä@example.org>",
    "a@b@c",
  ])("is refused where no mail could be sent from it: %s", (text) => {
    expect(faultsOf(["MAIL_FROM"], { MAIL_FROM: text })).toEqual([
      "MAIL_FROM must be an address: Name <name@example.org>",
    ]);
  });
});

describe("PUBLIC_URL", () => {
  const read = (text: string) => readEnvironment(["PUBLIC_URL"], { PUBLIC_URL: text }).PUBLIC_URL;

  it("may have a path, and loses its trailing slash", () => {
    expect(read("https://notify.example.org/")).toBe("https://notify.example.org");
    expect(read("https://example.org/notify/")).toBe("https://example.org/notify");
  });

  it.each([
    ["notify.example.org", "must be http:// or https:// and a host"],
    ["ftp://notify.example.org", "must be http:// or https:// and a host"],
    ["https://ada:hunter2@example.org", "must not contain a user or a password"],
    ["https://example.org/?a=1", "must not contain a query or a fragment"],
    ["https://example.org/#a", "must not contain a query or a fragment"],
  ])("is refused where no link could begin with it: %s", (text, fault) => {
    expect(faultsOf(["PUBLIC_URL"], { PUBLIC_URL: text })).toEqual([`PUBLIC_URL ${fault}`]);
  });
});

describe("EVENTS_URL", () => {
  const url = "https://hooks.example.org/tidings?tenant=1";

  it("is not set, or is set together with a secret", () => {
    expect(readEnvironment(["EVENTS_URL", "EVENTS_SECRET"], {})).toEqual({});
    expect(faultsOf(["EVENTS_URL", "EVENTS_SECRET"], { EVENTS_URL: url })).toEqual([
      "EVENTS_SECRET is not set: EVENTS_URL requires it",
    ]);
    const both = { EVENTS_URL: url, EVENTS_SECRET: "s".repeat(24) };
    expect(readEnvironment(["EVENTS_URL", "EVENTS_SECRET"], both)).toEqual({
      ...both,
      EVENTS_SECRET: [both.EVENTS_SECRET],
    });
  });

  it("has secrets that a library for Standard Webhooks can read", () => {
    const secretsOf = (text: string) =>
      readEnvironment(["EVENTS_SECRET"], { EVENTS_SECRET: text }).EVENTS_SECRET;
    const base64 = `whsec_${Buffer.from("s".repeat(25)).toString("base64")}`;
    expect(secretsOf(base64)).toEqual([base64]);
    expect(faultsOf(["EVENTS_SECRET"], { EVENTS_SECRET: "whsec_not_base64_at_all_here" })).toEqual([
      "EVENTS_SECRET must have base64 behind whsec_",
    ]);
  });
});

describe("the rules for outgoing requests", () => {
  it("allow public addresses alone where nothing is set", () => {
    expect(readEnvironment(outboundVariables, {})).toEqual({
      HTTP_ALLOW_PRIVATE: [],
      HTTP_ALLOW_PORTS: [],
      HTTP_ALLOW_PLAIN: "false",
    });
  });

  it("name ranges and ports, with blanks or commas between them", () => {
    const settings = readEnvironment(outboundVariables, {
      HTTP_ALLOW_PRIVATE: "10.0.0.0/8, fd00::/8 127.0.0.1",
      HTTP_ALLOW_PORTS: "8080 9443",
    });
    const written = settings.HTTP_ALLOW_PRIVATE.map(
      ([address, length]) => `${address.toString()}/${length}`,
    );
    expect(written).toEqual(["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]);
    expect(settings.HTTP_ALLOW_PORTS).toEqual([8080, 9443]);
  });

  it.each([
    ["HTTP_ALLOW_PRIVATE", "internal.example.org"],
    ["HTTP_ALLOW_PRIVATE", "10.0.0.0/40"],
    ["HTTP_ALLOW_PORTS", "0"],
    ["HTTP_ALLOW_PORTS", "70000"],
    ["HTTP_ALLOW_PORTS", "80-90"],
    ["HTTP_ALLOW_PLAIN", "yes"],
  ] as const)("are refused where they cannot be read: %s=%s", (name, text) => {
    expect(faultsOf([name], { [name]: text })).toEqual([
      expect.stringMatching(new RegExp(`^${name} must be `)),
    ]);
  });
});
