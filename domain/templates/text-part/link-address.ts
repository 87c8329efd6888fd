/** The address of a link as a text shows it; null for one that leads nowhere from there: within the page, or into a script. */
export function linkAddress(href: string): string | null {
  const address = href
    .replaceAll(/[\t\n\f\r]+/g, "")
    .trim()
    .replaceAll(" ", "%20");
  if (address === "" || address.startsWith("#") || /^(?:javascript|vbscript|data):/i.test(address))
    return null;
  const reach = /^(?:mailto|tel|sms):([^?]+)/i.exec(address);
  return reach ? reach[1]! : address;
}

/** Does a link's text say its address already, if only without what every reader adds? */
export function isSameAddress(text: string, address: string): boolean {
  return text === address || (text !== "" && bare(text) === bare(address));
}

function bare(address: string): string {
  const rest = address
    .trim()
    .replace(/^(?:https?:\/\/|mailto:|tel:|sms:)/i, "")
    .replace(/\/$/, "");
  if (/^\+?[\d\s()./-]+$/.test(rest)) return rest.replaceAll(/[^\d+]/g, "");
  const host = /^[^/?#]*/.exec(rest)![0];
  return host.toLowerCase() + decoded(rest.slice(host.length));
}

function decoded(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
