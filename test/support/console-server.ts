import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { streamSSE } from "hono/streaming";
import { packageRoot } from "../../config/package-root.ts";
import { type Api, apiKey } from "../api/harness.ts";
import { listen } from "./listening.ts";

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
};

const policy = [
  "default-src 'none'",
  ...["script-src", "style-src", "connect-src", "font-src", "frame-src"].map(
    (name) => `${name} 'self'`,
  ),
  "img-src 'self' data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

export interface ConsoleUser {
  name: string;
  role: "viewer" | "sender" | "admin";
  /** The secret of an API key with this role. */
  key: string;
}

/**
 * Serves the built console under its Content-Security-Policy, with sessions of its own before a real API: a cookie stands for the key
 * of one of the `users`. Codes of links are accepted as keys are.
 */
export async function startConsoleServer(
  api: Api,
  users: ConsoleUser[] = [{ name: "Ada Admin", role: "admin", key: apiKey }],
) {
  const sessions = new Map<string, ConsoleUser>();
  const listeners = new Set<(data: string) => void>();
  const faults = { status: 0 };
  const app = new Hono();
  const userOf = (token: string | undefined) => sessions.get(token ?? "");
  const refuse = (status: number, title: string) =>
    new Response(
      JSON.stringify({
        type: "urn:tidings:problem:test",
        title,
        detail: title,
        status,
        requestId: randomUUID(),
      }),
      { status, headers: { "content-type": "application/problem+json" } },
    );
  const describe = ({ name, role }: ConsoleUser) => ({
    actor: "bootstrap",
    name,
    role,
    keyId: null,
    expiresAt: new Date(Date.now() + 604_800_000).toISOString(),
    idleExpiresAt: new Date(Date.now() + 43_200_000).toISOString(),
    features: [],
    links: { temporalUi: null, docs: "/docs" },
    serverTime: new Date().toISOString(),
    environment: { name: "Test", color: "#7a4fb5" },
  });

  app.get("/v1/session", (c) => {
    const user = userOf(getCookie(c, "session"));
    return user ? c.json(describe(user)) : refuse(401, "There is no session.");
  });
  app.post("/v1/session", async (c) => {
    if (c.req.header("x-tidings-console") !== "1") return refuse(403, "The header is missing.");
    const body = await c.req.json<{ apiKey?: string; code?: string }>();
    const user = users.find(({ key }) => key === (body.apiKey ?? body.code));
    if (!user) return refuse(401, "The API key is wrong.");
    const token = randomUUID();
    sessions.set(token, user);
    setCookie(c, "session", token, { httpOnly: true, sameSite: "Lax", path: "/" });
    return c.json(describe(user), 201);
  });
  app.delete("/v1/session", (c) => {
    sessions.delete(getCookie(c, "session") ?? "");
    return c.body(null, 204);
  });
  app.get("/v1/stream", (c) => {
    if (!userOf(getCookie(c, "session"))) return refuse(401, "There is no session.");
    return streamSSE(c, async (stream) => {
      const send = (data: string) => void stream.writeSSE({ event: "changed", data });
      listeners.add(send);
      await stream.writeSSE({ event: "ready", data: "{}" });
      await new Promise<void>((resolve) => stream.onAbort(resolve));
      listeners.delete(send);
    });
  });
  app.all("/v1/*", async (c) => {
    if (faults.status !== 0) return refuse(faults.status, "The database cannot be reached.");
    const user = userOf(getCookie(c, "session"));
    if (!user) return refuse(401, "There is no session.");
    const isUnsafe = !["GET", "HEAD"].includes(c.req.method);
    if (isUnsafe && c.req.header("x-tidings-console") !== "1")
      return refuse(403, "The header is missing.");
    const headers = new Headers(c.req.raw.headers);
    headers.set("authorization", `Bearer ${user.key}`);
    const url = new URL(c.req.url);
    return api.app.request(url.pathname + url.search, {
      method: c.req.method,
      headers,
      ...(isUnsafe && { body: await c.req.text() }),
    });
  });
  app.get("/console/*", (c) => {
    const path = new URL(c.req.url).pathname.replace("/console/", "");
    const name = path.startsWith("assets/") ? path : "index.html";
    return c.body(readFileSync(join(packageRoot, "dist/console", name)), 200, {
      "content-type": types[extname(name)] ?? "application/octet-stream",
      "content-security-policy": policy,
      "x-content-type-options": "nosniff",
    });
  });
  const server = await listen(app.fetch);
  return {
    url: `${server.url}/console/`,
    /** Requests to the API are answered with this status; 0 means that they reach it. */
    faults,
    /** Ends all sessions, as if they had expired. */
    endSessions: () => sessions.clear(),
    /** Tells open consoles that something has changed. */
    announce: (topic: string, ids: string[]) => {
      for (const send of listeners) send(JSON.stringify({ topic, ids }));
    },
    streams: () => listeners.size,
    close: server.close,
  };
}
