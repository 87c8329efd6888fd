import type { Context } from "hono";
import type { ApiEnv } from "../http/context.ts";
import { toDatabaseProblem } from "../http/database-errors.ts";
import { Problem } from "../http/problem.ts";
import { type ProblemKind, problemTitles } from "../http/problem-kinds.ts";
import { type ErrorWords, errorWords } from "./error-words.ts";
import type { PageLanguage } from "../../domain/page-languages.ts";
import { languageFor } from "./languages.ts";
import type { Page, RecipientPages } from "./page.ts";

/** Whether the caller shows pages, as a browser does. */
export const acceptsHtml = (c: Context<ApiEnv>): boolean =>
  c.req.header("accept")?.includes("text/html") ?? false;

/** Answers a browser with a page if the work fails. Other callers get the problem. */
export async function withErrorPage<Answer>(
  c: Context<ApiEnv>,
  pages: RecipientPages,
  work: () => Promise<Answer>,
) {
  try {
    return await work();
  } catch (error) {
    const page = toErrorPage(c, pages, error);
    if (page === null) throw error;
    return page;
  }
}

/** The first parts of the paths at which browsers show pages to recipients. */
const pagePaths = /^\/(?:[acmpsut])(?:\/|$)/;

/** Makes the page of a request for a page that was refused before its route began to work; null for other requests. */
export const toRefusedPage = (
  c: Context<ApiEnv>,
  pages: RecipientPages,
  error: unknown,
): Response | null => (pagePaths.test(c.req.path) ? toErrorPage(c, pages, error) : null);

function toErrorPage(c: Context<ApiEnv>, pages: RecipientPages, error: unknown): Response | null {
  const problem = error instanceof Problem ? error : toDatabaseProblem(error);
  if (problem === null || !acceptsHtml(c)) return null;
  const { kind, headers } = problem;
  const [status] = problemTitles[kind];
  c.set("problem", kind);
  const page = pages.render(describe(kind, languageFor(c)));
  return c.body(page, status, { ...headers, ...pages.headers });
}

/** The texts of the kinds of problems that recipients can make something of. The others have a general one. */
const textOf: Partial<Record<ProblemKind, keyof ErrorWords>> = {
  "not-found": "notFound",
  expired: "expired",
  gone: "gone",
  invalid: "invalid",
  unavailable: "busy",
  overloaded: "busy",
  "too-many-requests": "busy",
};

function describe(kind: ProblemKind, lang: PageLanguage): Page {
  const words = errorWords[lang];
  const text = textOf[kind] ?? "failed";
  return {
    lang,
    title: text === "busy" ? words.busyTitle : words.title,
    texts: [words[text]],
    buttons: [],
    // How deep the address is, which failed, is not known here.
    root: "/",
  };
}
