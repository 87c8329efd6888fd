let isTaken = false;

/**
 * Takes the code of a link to sign in (`#code=…`) out of the address, so that it stays in no history; null if there is none. The part
 * behind `#` is not sent to servers.
 */
export function takeCode(): string | null {
  if (isTaken) return null;
  isTaken = true;
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code !== null) history.replaceState(history.state, "", location.pathname + location.search);
  return code;
}
