import { createHash, timingSafeEqual } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { Problem } from "./problem.ts";

// Hashed, so that neither content nor length of the key shows in the time a comparison takes.
const digest = (value: string) => createHash("sha256").update(value).digest();

/** Lets through who sends `apiKey` as `Authorization: Bearer`; everyone else gets a 401. */
export function requireApiKey(apiKey: string, { except }: { except: ReadonlySet<string> }) {
  const expected = digest(apiKey);
  return createMiddleware(async (c, next) => {
    if (!except.has(c.req.path)) {
      const [, token] = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "") ?? [];
      if (token === undefined || !timingSafeEqual(digest(token), expected)) {
        throw new Problem("unauthorized", "Send the API key as Authorization: Bearer <key>.", {
          headers: {
            "WWW-Authenticate":
              token === undefined
                ? 'Bearer realm="tidings"'
                : 'Bearer realm="tidings", error="invalid_token"',
          },
        });
      }
    }
    await next();
  });
}
