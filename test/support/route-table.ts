import {
  type RouteClass,
  type RouteClassName,
  routeClasses,
} from "../../api/http/route-classes.ts";
import type { TableRow } from "../../api/http/router.ts";

const head = `# Routes and their limits

This file is generated from the routes. \`test/api/route-table.test.ts\` checks it, and \`npx vitest run --project servers test/api/route-table.test.ts -u\`
writes it. The class of a route sets the limits of its requests (\`api/http/route-classes.ts\`).

## Classes

"At once" is the number of requests that each API process handles at the same time, in total and for one caller. A caller is a key or a recipient; callers
without a key count as one for each path. Other requests wait for their turn, which goes round between callers. "Wait" is the number of waiting requests, of
which one caller may have half. A request that would wait too long is refused at once, with \`Retry-After\`: with a 429 if its caller has too many requests in
progress, otherwise with a 503.
`;

const connectionNames = {
  none: "none",
  lookup: "for look-ups",
  accept: "for accepting",
  public: "for public routes",
  shared: "shared",
} as const;

/** Writes the table of routes as documentation, in Markdown. */
export function describeRoutes(table: readonly TableRow[]): string {
  const classes = Object.entries(routeClasses) as [RouteClassName, RouteClass][];
  const routes = table.map((row) => [
    row.method,
    `\`${row.path}\``,
    row.access,
    row.scope === null ? "" : `\`${row.scope}\``,
    row.class,
    row.needsProof ? "yes" : "",
  ]);
  return [
    head,
    formatTable(
      ["Class", "Purpose", "Body", "Body within", "At once", "Wait", "Wait for", "Connections"],
      classes.map(([name, limits]) => [
        name,
        limits.purpose,
        bodyText(limits),
        secondsText(limits.bodySeconds),
        limits.atOnce === null ? "any" : `${limits.atOnce}, one caller ${limits.perCaller}`,
        limits.atOnce === null ? "none" : String(limits.waiting),
        limits.waiting === 0 ? "—" : secondsText(limits.waitSeconds),
        connectionNames[limits.connections],
      ]),
    ),
    `
## Routes

"Proof" marks routes that a session may use only within ten minutes of signing in ([console](console.md#proof)). Keys are not affected.
`,
    formatTable(["Method", "Path", "Role", "Scope", "Class", "Proof"], routes),
    "",
  ].join("\n");
}

function bodyText({ body }: RouteClass): string {
  if (body === "configured") return "`API_BODY_LIMIT_BYTES`";
  if (body === "attachment") return "an attachment of 10 MiB";
  if (body === "stream") return "any length, as it arrives";
  return body === 0 ? "none" : `${body / 1_024} KiB`;
}

const secondsText = (seconds: number | null) => (seconds === null ? "—" : `${seconds} s`);

/** Formats a table as the formatter of this project does. */
function formatTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((text, column) =>
    Math.max(3, text.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(heads), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join(
    "\n",
  );
}
