/** Everything that a history, or a part of one, says, with its payloads decoded: in JSON they are base64, and hide it. */
export function plainHistory(value: unknown): string {
  if (typeof value === "string") return `${value}\n`;
  if (value instanceof Uint8Array) return `${Buffer.from(value).toString()}\n`;
  if (typeof value !== "object" || value === null) return "";
  return Object.entries(value)
    .map(([name, part]) => `${name} ${plainHistory(part)}`)
    .join("");
}
