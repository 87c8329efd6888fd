/** Returns the address of a link as plain text shows it; null for links that do not work there: within the page, or to a script. */
export function linkAddress(href: string): string | null {
  const address = href
    .replaceAll(/[\t\n\f\r]+/g, "")
    .trim()
    .replaceAll(" ", "%20");
  if (address === "" || address.startsWith("#") || /^(?:javascript|vbscript|data):/i.test(address))
    return null;
  const contact = /^(?:mailto|tel|sms):([^?]+)/i.exec(address);
  return contact ? contact[1]! : address;
}

/** Whether the text of a link is its address already, perhaps without the scheme or the last slash. */
export function isSameAddress(text: string, address: string): boolean {
  return text === address || (text !== "" && normalize(text) === normalize(address));
}

function normalize(address: string): string {
  const rest = address
    .trim()
    .replace(/^(?:https?:\/\/|mailto:|tel:|sms:)/i, "")
    .replace(/\/$/, "");
  if (/^\+?[\d\s()./-]+$/.test(rest)) return rest.replaceAll(/[^\d+]/g, "");
  const host = /^[^/?#]*/.exec(rest)![0];
  return host.toLowerCase() + decodePath(rest.slice(host.length));
}

function decodePath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
