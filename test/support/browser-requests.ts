import type { Api } from "../api/harness.ts";

/** What a page of the console sends with each request. */
export const fromConsole = { "sec-fetch-site": "same-origin", "x-tidings-console": "1" };

/** Sends a request as a browser does: without a key. */
export async function browse(
  { app }: Pick<Api, "app">,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
) {
  const response = await app.request(path, {
    method,
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    // Tests look into answers as a caller would: without our types.
    // oxlint-disable-next-line typescript/no-explicit-any
    body: (isJson ? JSON.parse(text) : text) as any,
  };
}

/** Signs in, and returns what the browser sends from then on. */
export async function signIn(
  api: Pick<Api, "app">,
  by: { apiKey: string } | { code: string },
  headers: Record<string, string> = {},
) {
  const answer = await browse(api, "POST", "/v1/session", {
    body: by,
    headers: { ...fromConsole, ...headers },
  });
  const [cookie = ""] = (answer.headers.get("set-cookie") ?? "").split(";");
  return { ...answer, cookie, sent: { ...fromConsole, cookie } };
}
