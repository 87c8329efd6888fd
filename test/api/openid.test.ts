import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { parseSubnet } from "../../lib/outbound/addresses.ts";
import { browse, fromConsole } from "../support/browser-requests.ts";
import { startOpenIdIssuer } from "../support/openid-issuer.ts";
import { type Api, seed, startApi } from "./harness.ts";

const redirectUri = "http://localhost/v1/session/oidc/callback";
const client = { id: "tidings", secret: "a secret: with / signs" };

let issuer: Awaited<ReturnType<typeof startOpenIdIssuer>>;
let api: Api;
beforeAll(async () => {
  issuer = await startOpenIdIssuer({ ...client, redirectUri });
  api = await startApi({
    config: {
      openId: {
        issuer: issuer.url,
        clientId: client.id,
        clientSecret: client.secret,
        scopes: "openid profile",
        groupsClaim: "groups",
        roles: [
          { group: "ops", role: "admin" },
          { group: "marketing", role: "sender" },
          { group: "staff", role: "viewer" },
        ],
        redirectUri,
      },
      endpoints: {
        pushServices: [],
        privateSubnets: [parseSubnet("127.0.0.0/8")!],
        ports: [Number(new URL(issuer.url).port)],
      },
    },
  });
  await seed(api, 1);
});
afterAll(async () => {
  await api.stop();
  await issuer.stop();
});
beforeEach(() => {
  issuer.state.person = { sub: "ada", claims: { name: "Ada L.", groups: ["staff", "marketing"] } };
  issuer.state.refused = [];
});

const cookiesOf = (headers: Headers) =>
  headers.getSetCookie().map((line) => line.split("; ") as [string, ...string[]]);
const cookieNamed = (headers: Headers, name: string) =>
  cookiesOf(headers).find(([pair]) => pair.startsWith(`${name}=`));

/** Begins to sign in, as a browser that follows the redirect to the provider, and returns what the provider sends it back with. */
async function goToProvider({ proof = false, to = "" } = {}) {
  const query = new URLSearchParams({ ...(proof && { proof: "true" }), ...(to && { to }) });
  const begun = await browse(api, "GET", `/v1/session/oidc?${query.toString()}`);
  expect(begun.status).toBe(302);
  const [cookie, ...terms] = cookieNamed(begun.headers, "__Host-tidings-sign-in")!;
  const answer = await fetch(begun.headers.get("location")!, { redirect: "manual" });
  expect([issuer.state.refused, answer.status]).toEqual([[], 302]);
  return { cookie, terms, back: new URL(answer.headers.get("location")!) };
}

/** The way back is a navigation from another site. */
const comeBack = ({ pathname, search }: URL, cookie?: string) =>
  browse(api, "GET", `${pathname}${search}`, {
    headers: { "sec-fetch-site": "cross-site", ...(cookie !== undefined && { cookie }) },
  });

async function signInThere({ proof = false, previous = "" } = {}) {
  const { cookie, back } = await goToProvider({ proof });
  const { status, headers, body } = await comeBack(back, `${cookie}; ${previous}`);
  const session = cookieNamed(headers, "__Host-tidings");
  return { status, headers, body, session, sent: { ...fromConsole, cookie: session?.[0] ?? "" } };
}

describe("signing in through an OpenID provider", () => {
  it("is offered to those who have not signed in, where there is a provider", async () => {
    const { status, body } = await browse(api, "GET", "/v1/session/ways");
    expect([status, body]).toEqual([200, { openId: true }]);
  });

  it("makes a session with the role of the person's groups, for a day", async () => {
    const { status, headers, session, sent } = await signInThere();
    expect([status, headers.get("location")]).toEqual([302, "/console/"]);
    expect(session).toEqual(
      expect.arrayContaining(["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]),
    );
    expect(cookieNamed(headers, "__Host-tidings-sign-in")).toContain("Max-Age=0");
    const { body } = await browse(api, "GET", "/v1/session", { headers: sent });
    expect(body).toMatchObject({
      actor: expect.stringMatching(/^opr_/) as string,
      name: "Ada L.",
      role: "sender",
      scopes: null,
      keyId: null,
    });
    const hours = (Date.parse(body.expiresAt) - Date.parse(body.serverTime)) / 3_600_000;
    expect([hours > 23.9, hours <= 24]).toEqual([true, true]);
    expect((await browse(api, "GET", "/v1/audit", { headers: sent })).status).toBe(403);
  });

  it("finds the same operator again, with the role and name of now, as the author of changes", async () => {
    const first = await signInThere();
    const who = async (sent: Record<string, string>) =>
      (await browse(api, "GET", "/v1/session", { headers: sent })).body;
    issuer.state.person = { sub: "ada", claims: { name: "Ada King", groups: "ops" } };
    const second = await signInThere();
    const [before, after] = [await who(first.sent), await who(second.sent)];
    expect(after).toMatchObject({ actor: before.actor, name: "Ada King", role: "admin" });
    expect(before.role).toBe("sender");
    await browse(api, "PUT", "/v1/recipients/u0", { body: { locale: "de" }, headers: second.sent });
    const { items } = (await api.send("GET", `/v1/audit?actor=${after.actor}`)).body;
    expect(items.map(({ action }: { action: string }) => action)).toEqual(
      expect.arrayContaining(["session.begin", "recipient.replace"]),
    );
    const listed = (await api.send("GET", "/v1/sessions")).body.items;
    expect(listed.map(({ actor }: { actor: string }) => actor)).toContain(after.actor);
    expect((await api.send("DELETE", `/v1/sessions/${after.id}`)).status).toBe(204);
    expect((await browse(api, "GET", "/v1/session", { headers: second.sent })).status).toBe(401);
  });

  it("proves who uses the session only if the provider says when the person signed in there", async () => {
    const provenUntil = async (sent: Record<string, string>) =>
      (await browse(api, "GET", "/v1/session", { headers: sent })).body.provenUntil;
    const claims = { groups: ["ops"] };
    issuer.state.person = { sub: "ada", claims };
    const plain = await signInThere();
    expect([issuer.state.prompt, issuer.state.maxAge]).toEqual([null, null]);
    expect(await provenUntil(plain.sent)).toBeNull();
    const make = (sent: Record<string, string>) =>
      browse(api, "POST", "/v1/api-keys", { body: { name: "n", role: "viewer" }, headers: sent });
    expect((await make(plain.sent)).body.type).toBe("urn:tidings:problem:proof-required");

    const proves = (authTime: number | undefined) => {
      issuer.state.person = { sub: "ada", claims: { ...claims, auth_time: authTime } };
      return signInThere({ proof: true, previous: plain.sent.cookie });
    };
    const now = Math.floor(Date.now() / 1_000);
    for (const useless of [undefined, now - 660]) {
      const { status, session } = await proves(useless);
      expect([useless, status, session]).toEqual([useless, 403, undefined]);
    }
    issuer.state.person = { sub: "eve", claims: { ...claims, auth_time: now } };
    const other = await signInThere({ proof: true, previous: plain.sent.cookie });
    expect([other.status, other.session]).toEqual([403, undefined]);
    const proven = await proves(now - 60);
    expect([issuer.state.prompt, issuer.state.maxAge]).toEqual(["login", "600"]);
    expect([proven.status, proven.headers.get("location")]).toEqual([302, "/console/confirmed"]);
    expect(await provenUntil(proven.sent)).toBe(new Date((now + 540) * 1_000).toISOString());
    expect((await make(proven.sent)).status).toBe(201);
    expect((await make(plain.sent)).status).toBe(401);
  });

  it("leads back to where the person wanted to go, within the console only", async () => {
    const leadsTo = async (to: string, change = (cookie: string) => cookie) => {
      const { cookie, back } = await goToProvider({ to });
      return (await comeBack(back, change(cookie))).headers.get("location");
    };
    const to = "/console/deliveries?status=failed&q=%C3%A4~";
    expect(await leadsTo(to)).toBe(to);
    for (const elsewhere of [
      "https://evil.example/console/",
      "//evil.example/console/",
      "/console/../v1/audit",
      "/\\evil.example/console/",
      "/docs",
      `/console/${"x".repeat(1_000)}`,
    ]) {
      const path = `/v1/session/oidc?to=${encodeURIComponent(elsewhere)}`;
      expect([elsewhere, (await browse(api, "GET", path)).status]).toEqual([elsewhere, 422]);
    }
    const forged = Buffer.from("//evil.example/").toString("base64url");
    const forge = (cookie: string) => cookie.replace(/~[^~]*/, `~${forged}`);
    expect(await leadsTo(to, forge)).toBe("/console/");
  });

  it("refuses a person whose groups have no role", async () => {
    for (const groups of [[], ["others"], undefined, [{ ops: true }], "ops marketing"]) {
      issuer.state.person = { sub: "eve", claims: { groups } };
      const { status, session } = await signInThere();
      expect([groups, status, session]).toEqual([groups, 403, undefined]);
    }
  });

  it.each([
    "nonce",
    "audience",
    "issuer",
    "signature",
    "expired",
    "no-token",
    "another-state",
  ] as const)("refuses an answer with a wrong %s", async (fault) => {
    issuer.state.person = { sub: "ada", claims: { groups: ["ops"] }, fault };
    const { status, session, body } = await signInThere();
    expect([status, session, body.type]).toEqual([403, undefined, "urn:tidings:problem:forbidden"]);
  });

  it("binds the answer to the browser that asked", async () => {
    const terms = (await goToProvider()).terms.sort();
    expect(terms).toEqual(["HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax", "Secure"]);
    const victim = await goToProvider();
    const attacker = await goToProvider();
    expect((await comeBack(attacker.back)).status).toBe(403);
    expect((await comeBack(attacker.back, victim.cookie)).status).toBe(403);
    expect((await comeBack(attacker.back, "__Host-tidings-sign-in=a~b")).status).toBe(403);
    // The code was not used up by the requests above, which were refused before.
    expect((await comeBack(attacker.back, attacker.cookie)).status).toBe(302);
    expect((await comeBack(attacker.back, attacker.cookie)).status).toBe(403);
    expect(issuer.state.refused).toEqual(["the code"]);
  });

  it("needs the verifier that was made for this sign-in", async () => {
    const { cookie, back } = await goToProvider();
    const other = `${cookie.split("~").slice(0, 4).join("~")}~${"x".repeat(43)}`;
    expect((await comeBack(back, other)).status).toBe(403);
    expect(issuer.state.refused).toEqual(["the code_verifier"]);
  });

  it("passes on that the person has declined", async () => {
    const { cookie, back } = await goToProvider();
    back.search = `?error=access_denied&state=${back.searchParams.get("state")}&iss=${encodeURIComponent(issuer.url)}`;
    expect((await comeBack(back, cookie)).status).toBe(403);
  });

  it("is temporarily unavailable while the provider is down, and works afterwards", async () => {
    const { cookie, back } = await goToProvider();
    issuer.state.isDown = true;
    expect((await comeBack(back, cookie)).status).toBe(503);
    issuer.state.isDown = false;
    expect((await signInThere()).status).toBe(302);
  });

  it("is not offered under a foreign host", async () => {
    const headers = { host: "evil.example" };
    for (const path of ["/v1/session/oidc", "/v1/session/oidc/callback?code=x"])
      expect((await browse(api, "GET", path, { headers })).status).toBe(421);
  });

  it("keeps its secrets out of the log and the audit trail", async () => {
    const { cookie, back } = await goToProvider();
    await comeBack(back, cookie);
    const entries = await api.prisma.$queryRaw`SELECT to_jsonb(a) AS row FROM audit_entries a`;
    const written = `${api.logged.join("\n")}${JSON.stringify(entries)}`;
    for (const secret of [
      ...cookie.split("=")[1]!.split("~").slice(2),
      back.searchParams.get("code")!,
    ])
      expect(written).not.toContain(secret);
    expect(written).not.toContain("Ada");
  });
});

describe("operators", () => {
  const list = async (query = "") =>
    (await api.send("GET", `/v1/operators${query}`)).body.items as {
      id: string;
      name: string;
      role: string | null;
      issuer: string;
      createdAt: string;
      lastSeenAt: string;
      sessions: number;
    }[];
  const signInAs = async (sub: string, groups: string[]) => {
    const claims = {
      name: `${sub} of the list`,
      groups,
      auth_time: Math.floor(Date.now() / 1_000),
    };
    issuer.state.person = { sub, claims };
    const { sent } = await signInThere({ proof: true });
    const { body } = await browse(api, "GET", "/v1/session", { headers: sent });
    return { sent, actor: body.actor as string };
  };

  it("are listed with the role of their last sign-in and the number of their sessions", async () => {
    const first = await signInAs("grace", ["marketing"]);
    const { actor, sent } = await signInAs("grace", ["staff"]);
    expect(actor).toBe(first.actor);
    const { id } = (await browse(api, "GET", "/v1/session", { headers: sent })).body;
    const find = async (query: string) => (await list(query)).find((one) => one.id === actor);
    const found = (await find(""))!;
    expect(found).toEqual({
      id: actor,
      name: "grace of the list",
      role: "viewer",
      issuer: issuer.url,
      createdAt: expect.any(String) as string,
      lastSeenAt: expect.any(String) as string,
      sessions: 2,
    });
    expect(Date.parse(found.lastSeenAt)).toBeGreaterThan(Date.parse(found.createdAt));
    const inAnHour = new Date(Date.now() + 3_600_000);
    await api.prisma.session.update({
      where: { id: parsePublicId("session", id)! },
      data: { lastUsedAt: inAnHour },
    });
    expect((await find(""))!.lastSeenAt).toBe(inAnHour.toISOString());
    expect(await find("?role=viewer,admin&state=signed-in")).toBeDefined();
    expect(await find("?role=sender")).toBeUndefined();
    expect(await find("?state=signed-out")).toBeUndefined();
    const { body } = await api.send("GET", "/v1/operators?limit=1");
    const next = await list(`?limit=1&cursor=${body.nextCursor}`);
    expect([body.items[0].id, next.length, next[0]!.id === actor]).toEqual([actor, 1, false]);
  });

  it("lose all their sessions at once, which is audited, and may sign in again", async () => {
    const person = await signInAs("linus", ["ops"]);
    const again = await signInAs("linus", ["ops"]);
    const admin = await signInAs("grace", ["ops"]);
    const path = `/v1/operators/${person.actor}/sessions`;
    const end = () => browse(api, "DELETE", path, { headers: admin.sent });
    const read = async (sent: Record<string, string>) =>
      (await browse(api, "GET", "/v1/session", { headers: sent })).status;
    expect((await end()).status).toBe(204);
    expect([await read(person.sent), await read(again.sent), await read(admin.sent)]).toEqual([
      401, 401, 200,
    ]);
    const find = async () =>
      (await list("?state=signed-out")).find(({ id }) => id === person.actor);
    expect(await find()).toMatchObject({ role: "admin", sessions: 0 });
    // Nothing is left to end, and so nothing is recorded.
    expect((await end()).status).toBe(204);
    const audited = `/v1/audit?resource=${person.actor}&action=operator.end_sessions`;
    const { items } = (await api.send("GET", audited)).body;
    expect(items).toEqual([expect.objectContaining({ actor: admin.actor })]);
    expect(items[0].before.sessions).toHaveLength(2);
    expect(await read((await signInAs("linus", ["ops"])).sent)).toBe(200);
  });

  it("that do not exist have no sessions to end", async () => {
    const nobody = `/v1/operators/${publicId("operator", newUuid())}/sessions`;
    expect((await api.send("DELETE", nobody)).status).toBe(404);
  });
});

describe("without a provider, or one that is not allowed", () => {
  it("signs nobody in", async () => {
    const plain = await startApi({ database: api.database });
    const refused = await browse(plain, "GET", "/v1/session/oidc");
    expect([refused.status, refused.body.detail]).toEqual([
      404,
      expect.stringContaining("OIDC_ISSUER"),
    ]);
    expect((await browse(plain, "GET", "/v1/session/oidc/callback")).status).toBe(404);
    expect((await browse(plain, "GET", "/v1/session/ways")).body).toEqual({ openId: false });
    await plain.stop();
    const guarded = await startApi({
      database: api.database,
      config: {
        openId: {
          issuer: issuer.url,
          clientId: client.id,
          clientSecret: client.secret,
          scopes: "openid",
          groupsClaim: "groups",
          roles: [{ group: "*", role: "viewer" }],
          redirectUri,
        },
      },
    });
    // The rules for outgoing requests hold: a private address needs a setting.
    expect((await browse(guarded, "GET", "/v1/session/oidc")).status).toBe(503);
    await guarded.stop();
  });
});
