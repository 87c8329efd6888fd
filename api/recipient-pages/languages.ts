import type { Context } from "hono";
import { languageOf, type PageLanguage } from "../../domain/page-languages.ts";
import type { ApiEnv } from "../http/context.ts";

/** The language of the page for a request: that of the recipient, once it is known whose link it is, and otherwise the first that the browser asks for. */
export function languageFor(c: Context<ApiEnv>): PageLanguage {
  return languageOf(c.get("pageLocale") ?? findAccepted(c.req.header("accept-language")));
}

/** Finds the first language of the pages among those that an Accept-Language names. */
function findAccepted(accepted = ""): string | null {
  const tags = accepted
    .slice(0, 200)
    .split(",")
    .map((part) => part.split(";")[0]!.trim());
  return tags.find((tag) => languageOf(tag) === tag.toLowerCase().split("-")[0]) ?? null;
}
