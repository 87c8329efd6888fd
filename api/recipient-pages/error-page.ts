import type { Context } from "hono";
import type { ApiEnv } from "../http/context.ts";
import { toDatabaseProblem } from "../http/database-errors.ts";
import { Problem } from "../http/problem.ts";
import { problemTitles } from "../http/problem-kinds.ts";
import type { RecipientPages } from "./page.ts";

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
    const problem = error instanceof Problem ? error : toDatabaseProblem(error);
    if (problem === null || !acceptsHtml(c)) throw error;
    const [status, title] = problemTitles[problem.kind];
    c.set("problem", problem.kind);
    const isTemporary = problem.kind === "unavailable" || problem.kind === "too-many-requests";
    const page = pages.render({
      lang: "en",
      title: isTemporary ? title : "This did not work",
      texts: [isTemporary ? "Please try again in a moment." : problem.message],
      buttons: [],
      // How deep the address is, which failed, is not known here.
      root: "/",
    });
    return c.body(page, status, pages.headers);
  }
}
