import { idPrefixes } from "./ids.ts";
import { text } from "./text.ts";

const id = `(?:${Object.values(idPrefixes).join("|")})_[0-7][0-9a-hjkmnp-tv-z]{25}`;
const instant = String.raw`\d{4}-\d\d-\d\d(?:T[\d:.]{4,12}Z?)?`;
/** Keys, statuses, names of queues and small numbers. No more than six digits in a row, because a telephone number has more. */
const word = String.raw`(?![^,/]*\d{7})[a-zA-Z0-9][a-zA-Z0-9_.:~-]{0,99}`;
const value = new RegExp(`^(?:${id}|${instant}|${word})$`);
const parameterName = /^[a-zA-Z]{1,40}$/;

/** Whether a path with parameters consists only of words, ids and instants. */
function isImpersonal(address: string): boolean {
  const url = URL.parse(address, "http://console.invalid");
  if (!address.startsWith("/") || !url || url.host !== "console.invalid" || url.hash !== "")
    return false;
  const [, ...parts] = address.split("?")[0]!.split("/");
  const isPath =
    parts.length === 1 && parts[0] === "" ? true : parts.every((part) => value.test(part));
  return (
    isPath &&
    [...url.searchParams].every(
      ([name, given]) =>
        parameterName.test(name) && given.split(",").every((one) => value.test(one)),
    )
  );
}

/**
 * The schema of the address of a saved view: the path and the parameters below `/console`. It takes words, public ids and instants only, so that
 * no address or telephone number of a person is stored with a view.
 */
export const viewPath = text(2_000).refine(
  isImpersonal,
  "must be a path of the console such as /deliveries?status=failed, whose parts are words, ids and instants: a view must not have anything personal in it, such as an address or a text that was searched for",
);
