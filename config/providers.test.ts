import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pushProviders } from "../domain/push-providers.ts";
import { ConfigurationError, readEnvironment } from "./environment.ts";
import { combineProviders, readProviders } from "./worker-providers.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tidings-providers-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const readServers = (text: string) => readEnvironment(["SMTP_URL"], { SMTP_URL: text }).SMTP_URL;
const readList = (list: unknown) =>
  readEnvironment(["PROVIDERS"], { PROVIDERS: JSON.stringify(list) }).PROVIDERS;

function faultsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
  return [];
}
const faultsInServers = (text: string) => faultsOf(() => readServers(text));
const faultsInList = (list: unknown) => faultsOf(() => readList(list));
const faultsInText = (text: string) =>
  faultsOf(() => readEnvironment(["PROVIDERS"], { PROVIDERS: text }));

const smtp = (more: object = {}) => ({
  kind: "smtp",
  name: "main",
  url: "smtp://mail.example.org",
  ...more,
});

const plain = {
  kind: "smtp",
  name: "smtp-1",
  host: "mail.example.org",
  port: 587,
  secure: false,
  requireTls: false,
  verifyTls: true,
  auth: null,
  connections: 10,
  messages: null,
  limits: null,
  domains: [],
};

describe("SMTP_URL", () => {
  it("may be only a host, with defaults for the rest", () => {
    expect(readServers("smtp://mail.example.org")).toEqual([plain]);
    expect(readServers("smtp://mail.example.org/")).toEqual([plain]);
  });

  it("may name several servers, in order of preference", () => {
    expect(
      readServers(
        "smtps://one.example.org?name=main&connections=20&messages=100\n smtp://[::1]:2525?tls=required",
      ),
    ).toMatchObject([
      {
        name: "main",
        host: "one.example.org",
        port: 465,
        secure: true,
        connections: 20,
        messages: 100,
      },
      { name: "smtp-2", host: "::1", port: 2525, secure: false, requireTls: true, connections: 10 },
    ]);
  });

  it("is the same list as its long form", () => {
    const passwordFile = file("short", "secret\n");
    expect(
      readServers(
        `smtp://ada@one.example.org?name=main&perSecond=14&burst=3&perHour=500&perDay=5000&passwordFile=${passwordFile} smtps://two.example.org?connections=2&messages=50`,
      ),
    ).toEqual(
      readList([
        {
          kind: "smtp",
          name: "main",
          url: "smtp://ada@one.example.org",
          passwordFile,
          perSecond: 14,
          burst: 3,
          perHour: 500,
          perDay: 5_000,
        },
        {
          kind: "smtp",
          name: "smtp-2",
          url: "smtps://two.example.org",
          connections: 2,
          messages: 50,
        },
      ]),
    );
  });

  it("has limits by receiving domain in the long form, whose names are in their ASCII form", () => {
    const read = (domains: object) => readList([smtp({ domains })]);
    expect(
      read({ "Gmail.com": { connections: 2, perSecond: 20 }, "bücher.example": { perSecond: 1 } }),
    ).toMatchObject([
      {
        domains: [
          { domain: "gmail.com", connections: 2, perSecond: 20 },
          { domain: "xn--bcher-kva.example", connections: null, perSecond: 1 },
        ],
      },
    ]);
    const at = "PROVIDERS entry 1 (main): domains";
    const many = Object.fromEntries(
      Array.from({ length: 51 }, (_, index) => [`d${index}.example`, { perSecond: 1 }]),
    );
    for (const [domains, faults] of [
      [{ "s3cret@": { connections: 1 } }, [" must have domains as names, such as gmail.com"]],
      [{ "a.example": {} }, [".a.example must have connections, perSecond or both"]],
      [{ "a.example": 5 }, [".a.example must be an object with connections, perSecond or both"]],
      [
        { "a.example": { connections: 0, perSecond: 1 } },
        [".a.example.connections must be a whole number from 1 to 50"],
      ],
      [
        { "a.example": { perHour: 9, perSecond: 1 } },
        [".a.example has an unknown option; the options of a domain are connections and perSecond"],
      ],
      [
        { "a.example": { perSecond: 1 }, "A.EXAMPLE": { perSecond: 1 } },
        [".a.example is named twice"],
      ],
      [many, [" must have at most 50 domains"]],
    ] as const)
      expect(faultsInList([smtp({ domains })])).toEqual(faults.map((fault) => at + fault));
    expect(faultsInServers("smtp://mail.example.org?domains=gmail.com")).toEqual([
      "SMTP_URL entry 1 (smtp-1): domains must be an object of domains, which SMTP_URL cannot contain",
    ]);
  });

  it("decodes the credentials", () => {
    expect(readServers("smtp://ada%40example.org:p%3Aa%2Fss%25@mail.example.org")).toMatchObject([
      { auth: { user: "ada@example.org", pass: "p:a/ss%" } },
    ]);
  });

  it("requires TLS with a password, and is refused with tls=offered and a password", () => {
    for (const tls of ["", "?tls=required", "?tls=unverified"])
      expect(readServers(`smtp://ada:pass@mail.example.org${tls}`)).toMatchObject([
        { requireTls: true },
      ]);
    expect(faultsInServers("smtp://ada:pass@mail.example.org?tls=offered")).toEqual([
      "SMTP_URL entry 1 (smtp-1): tls would send a password without TLS: remove it, or set it to required",
    ]);
    expect(readServers("smtps://ada:pass@mail.example.org?tls=offered")).toMatchObject([
      { secure: true },
    ]);
  });

  it("may accept a certificate that cannot be verified", () => {
    expect(readServers("smtp://localhost?tls=unverified")).toMatchObject([
      { verifyTls: false, requireTls: false },
    ]);
  });

  const url = "entry 1 (smtp-1): url must be smtp://[user[:password]@]host[:port], or smtps://";
  it.each([
    [" ", "must name an SMTP server"],
    ["mail.example.org", url],
    ["http://mail.example.org", url],
    ["smtp://", url],
    ["smtp://mail.example.org/path", url],
    ["smtp://mail.example.org#fragment", url],
    ["smtp://ada:100%@mail.example.org", "entry 1 (smtp-1): url must have a user and a password"],
    ["smtp://a?connections=0", "connections must be a whole number from 1 to 50"],
    ["smtp://a?connections=51", "connections must be a whole number from 1 to 50"],
    ["smtp://a?connections=many", "connections must be a whole number from 1 to 50"],
    ["smtp://a?connections=1.5", "connections must be a whole number from 1 to 50"],
    ["smtp://a?messages=0", "messages must be a whole number from 1 to 100000"],
    ["smtp://a?tls=never", "tls must be offered, required or unverified"],
    ["smtp://a?tls=1", "tls must be offered, required or unverified"],
    ["smtp://a?name=Main+server", "entry 1: name must have at most 40 of the characters"],
    ["smtp://a?name=events", "name must not be events"],
    ["smtp://a?pool=true", "has an unknown option; the options of smtp are url, name, "],
    ["smtp://a?url=smtp://b", "has an unknown option"],
    ["smtp://a?kind=web-push", "has an unknown option"],
    ["smtp://a?toString=1&__proto__=2", "has an unknown option"],
    ["smtp://a?name=main smtp://b?name=main", "entry 2 (main): name is also that of entry 1"],
    ["smtp://a?name=smtp-2 smtp://b", "entry 2 (smtp-2): name is also that of entry 1"],
    ["smtp://a?perSecond=0", "perSecond must be from 0.001 to 100000"],
    ["smtp://a?burst=3", "burst requires perSecond"],
    ["smtp://a smtp://b?perDay=1.5", "entry 2 (smtp-2): perDay must be a whole number"],
    ["smtp://a?passwordFile=/absent", "passwordFile requires a user in the URL"],
    ["smtp://ada@a?passwordFile=/absent", "passwordFile names a file that cannot be read: /absent"],
    ["smtp://ada:x@a?passwordFile=/absent", "passwordFile and the URL both have a password"],
  ])("%j is refused", (text, expected) => {
    const [fault, ...more] = faultsInServers(text);
    expect(more).toEqual([]);
    expect(fault).toMatch(/^SMTP_URL /);
    expect(fault).toContain(expected);
  });

  it("repeats nothing of a password that is not percent-encoded", () => {
    for (const text of [
      "smtp://ada:12?s3cret@mail.example.org",
      "smtp://ada:12#s3cret@mail.example.org",
      "smtp://ada:s3cret@mail@example@org",
      "smtp://ada:s3c/ret@mail.example.org",
      "smtp://ada:s3 cret@mail.example.org",
    ])
      expect(faultsInServers(text).join("\n")).not.toMatch(/s3|cret/);
  });
});

describe("PROVIDERS", () => {
  it("lists providers of every kind, with their limits", () => {
    expect(
      readList([
        smtp({ perDay: 50_000 }),
        { kind: "web-push", name: "push/fcm", perSecond: 200 },
        smtp({ name: "backup", url: "smtps://[::1]", tls: "unverified", perSecond: 14, burst: 1 }),
      ]),
    ).toEqual([
      {
        ...plain,
        name: "main",
        limits: { permitsPerSecond: null, burst: 1, hourlyQuota: null, dailyQuota: 50_000 },
      },
      {
        kind: "web-push",
        name: "push/fcm",
        limits: { permitsPerSecond: 200, burst: 20, hourlyQuota: null, dailyQuota: null },
      },
      {
        ...plain,
        name: "backup",
        host: "::1",
        port: 465,
        secure: true,
        verifyTls: false,
        limits: { permitsPerSecond: 14, burst: 1, hourlyQuota: null, dailyQuota: null },
      },
    ]);
  });

  it("reads passwords from files", () => {
    const passwordFile = file("password", "p:a/ss%\n");
    expect(readList([smtp({ url: "smtp://ada@mail.example.org", passwordFile })])).toMatchObject([
      { auth: { user: "ada", pass: "p:a/ss%" }, requireTls: true },
    ]);
    const empty = file("empty", "\n");
    expect(faultsInList([smtp({ url: "smtp://ada@a", passwordFile: empty })])).toEqual([
      "PROVIDERS entry 1 (main): passwordFile names a file that is empty",
    ]);
  });

  it("may itself be a file", () => {
    const path = file("providers.json", JSON.stringify([smtp()]));
    const { PROVIDERS: list } = readEnvironment(["PROVIDERS"], { PROVIDERS_FILE: path });
    expect(list).toMatchObject([{ name: "main" }]);
  });

  it("reports every fault of every entry, each with its place and name", () => {
    expect(
      faultsInList([
        smtp({ connections: "ten", perDay: 0 }),
        "smtp://mail.example.org",
        { kind: "sms", name: "gateway" },
        { kind: "web-push", name: "push/opera" },
        { name: "main" },
        smtp(),
        { kind: "smtp" },
      ]),
    ).toEqual([
      "PROVIDERS entry 1 (main): connections must be a whole number from 1 to 50",
      "PROVIDERS entry 1 (main): perDay must be from 1 to 1000000000",
      "PROVIDERS entry 2: must be an object",
      "PROVIDERS entry 3 (gateway): kind must be smtp or web-push",
      "PROVIDERS entry 4: name must be push/fcm, push/mozilla, push/apple, push/wns, push/other",
      "PROVIDERS entry 5 (main): kind must be smtp or web-push",
      "PROVIDERS entry 7: url must be smtp://[user[:password]@]host[:port], or smtps:// for TLS from the first byte",
      "PROVIDERS entry 7: name must be set",
    ]);
  });

  it.each([
    ["{", "is not JSON: line 1, column 2 must be a key in double quotes"],
    ['[\n{"kind": "smtp",}]', "is not JSON: line 2, column 17 must be a key in double quotes"],
    ["{}", "must be a list of providers"],
    ["[]", "must be a list of providers"],
    ["null", "must be a list of providers"],
    ['"smtp://mail.example.org"', "must be a list of providers"],
    ["smtp://mail.example.org", "is not JSON: line 1, column 1 must be a value"],
    ["[null]", "entry 1: must be an object"],
    ["[[]]", "entry 1: must be an object"],
    ['[{"kind": "__proto__"}]', "entry 1: kind must be smtp or web-push"],
    ['[{"kind": ["smtp"]}]', "entry 1: kind must be smtp or web-push"],
  ])("%j is refused", (text, expected) => {
    const [fault, ...more] = faultsInText(text);
    expect(more).toEqual([]);
    expect(fault).toContain(`PROVIDERS ${expected}`);
  });

  it.each([
    [smtp({ url: "smtp://a?name=b" }), "url must have no query: its options are fields"],
    [smtp({ url: 5 }), "url must be smtp://"],
    [smtp({ name: "push/fcm" }), "name must have at most 40"],
    [smtp({ name: 5 }), "name must be set"],
    [smtp({ password: "hunter2" }), "has an unknown option"],
    [smtp({ channel: "email" }), "has an unknown option"],
    [smtp({ tls: true }), "tls must be offered"],
    [smtp({ passwordFile: 5 }), "passwordFile must be the path of a file"],
    [smtp({ perSecond: "14" }), "perSecond must be a number"],
    [smtp({ perSecond: 100_001 }), "perSecond must be from 0.001"],
    [smtp({ perHour: 2_000_000_000 }), "perHour must be from 1"],
    [smtp({ burst: 0, perSecond: 1 }), "burst must be from 1"],
    [{ kind: "web-push", name: "push/fcm", burst: 3 }, "burst requires perSecond"],
    [{ kind: "web-push", name: "push/fcm", url: "https://a" }, "has an unknown option"],
    [{ kind: "web-push", name: "push/fcm", connections: 3 }, "has an unknown option"],
  ])("an entry %j is refused", (entry, expected) => {
    const [fault, ...more] = faultsInList([entry]);
    expect(more).toEqual([]);
    expect(fault).toContain(expected);
    expect(fault).not.toContain("hunter2");
  });

  it("never throws anything else, and never repeats a secret, whatever it is", () => {
    const secret = "hunter2";
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom(
        secret,
        `smtp://ada:${secret}@a b`,
        `smtp://ada:${secret}@a`,
        "push/fcm",
        "main",
      ),
    );
    const keys = ["kind", "name", "url", "passwordFile", "connections", "tls", "perDay", "burst"];
    const entry = fc.tuple(
      fc.dictionary(fc.constantFrom(...keys), value),
      fc.constantFrom("smtp", "web-push", "sms"),
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), fc.nat(), (list, cut) => {
        const text = JSON.stringify(
          list.map(([fields, kind]) => ({ kind, ...fields, passwordFile: undefined })),
        );
        for (const given of [text, text.slice(0, cut % (text.length + 1))]) {
          // A name is shown on purpose, since operators find their entry by it.
          if (given.includes(`"name":"${secret}"`)) continue;
          expect(faultsInText(given).join("\n")).not.toContain(secret);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("the providers of a worker", () => {
  const read = (environment: NodeJS.ProcessEnv, sendsPush = true) =>
    readProviders(readEnvironment(["SMTP_URL", "PROVIDERS"], environment), { sendsPush });
  const list = (...entries: object[]) => JSON.stringify(entries);
  const fcm = { kind: "web-push", name: "push/fcm", perDay: 9 };

  it("are the servers of either variable, and every push service", () => {
    const limits = { permitsPerSecond: null, burst: 1, hourlyQuota: null, dailyQuota: 9 };
    expect(read({ SMTP_URL: "smtp://mail.example.org", PROVIDERS: list(fcm) })).toEqual({
      smtp: [plain],
      webPush: pushProviders.map((name) => ({
        kind: "web-push",
        name,
        limits: name === "push/fcm" ? limits : null,
      })),
    });
    expect(read({ PROVIDERS: list(smtp()) }, false)).toEqual({
      smtp: [{ ...plain, name: "main" }],
      webPush: [],
    });
  });

  it("are refused without an SMTP server, and with servers in both variables", () => {
    const none = "SMTP_URL is not set, and PROVIDERS names no SMTP server";
    expect(faultsOf(() => read({}))).toEqual([none]);
    expect(faultsOf(() => read({ PROVIDERS: list(fcm) }))).toEqual([none]);
    expect(
      faultsOf(() => read({ SMTP_URL: "smtp://mail.example.org", PROVIDERS: list(smtp()) })),
    ).toEqual([
      "SMTP_URL and PROVIDERS both name SMTP servers: name all of them in one of the two",
    ]);
  });

  it("are refused with push services on a worker that sends no push notifications", () => {
    expect(faultsOf(() => read({ PROVIDERS: list(smtp(), fcm) }, false))).toEqual([
      "VAPID_PRIVATE_KEY is not set: the entries of the kind web-push in PROVIDERS require it",
    ]);
  });

  it("may be none for a program that only looks at them", () => {
    expect(combineProviders({})).toEqual({ smtp: [], webPush: [] });
  });
});
