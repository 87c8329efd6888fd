import { parseSearch } from "../shell/url.ts";

/** The address of the page that is shown, as a view stores it: below `/console`, and without the place in a long list. */
export function readViewPath({ pathname, search }: Pick<Location, "pathname" | "search">): string {
  const parameters = new URLSearchParams(search);
  parameters.delete("cursor");
  const query = parameters.toString();
  return (pathname.replace(/^\/console/, "") || "/") + (query && `?${query}`);
}

/** The link to the address of a view. Each screen reads what is valid of its parameters. */
export function linkOfView(path: string) {
  const [to = "/", query = ""] = path.split("?");
  return { to: to as "/", search: parseSearch(query) as object };
}
