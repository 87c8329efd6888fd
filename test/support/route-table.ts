import {
  type RouteClass,
  type RouteClassName,
  routeClasses,
} from "../../api/http/route-classes.ts";
import type { TableRow } from "../../api/http/router.ts";

const head = `# Every route, and how its requests are let in

This file is made from the routes (\`test/api/route-table.test.ts\` compares it; \`npx vitest run --project servers test/api/route-table.test.ts -u\`
writes it). The class of a route says all of how its requests are let in: \`api/http/route-classes.ts\`.

## Classes

At once: requests under way in each API process, and of one caller. A caller is a key or a recipient, and without a key whoever asks for the
same path. Others wait for their turn, by turns between callers; one caller may have half of the places to wait. Who would wait in vain is answered at once:
429 where the caller has too much under way, else 503, both with \`Retry-After\`.
`;

const connectionNames = {
  none: "none",
  lookup: "of look-ups",
  accept: "of accepting",
  public: "of what is public",
  shared: "shared",
} as const;

/** The table of routes as documentation, in Markdown. */
export function describeRoutes(table: readonly TableRow[]): string {
  const classes = Object.entries(routeClasses) as [RouteClassName, RouteClass][];
  const routes = table.map((row) => [
    row.method,
    `\`${row.path}\``,
    row.access,
    row.scope === null ? "" : `\`${row.scope}\``,
    row.class,
  ]);
  return [
    head,
    markdownTable(
      ["Class", "Holds", "Body", "Body within", "At once", "Wait", "Wait for", "Connections"],
      classes.map(([name, limits]) => [
        name,
        limits.holds,
        bodyText(limits),
        secondsText(limits.bodySeconds),
        limits.atOnce === null ? "any" : `${limits.atOnce}, of one caller ${limits.perCaller}`,
        limits.atOnce === null ? "none" : String(limits.waiting),
        limits.waiting === 0 ? "—" : secondsText(limits.waitSeconds),
        connectionNames[limits.connections],
      ]),
    ),
    "\n## Routes\n",
    markdownTable(["Method", "Path", "Role", "Scope", "Class"], routes),
    "",
  ].join("\n");
}

function bodyText({ body }: RouteClass): string {
  if (body === "configured") return "`API_BODY_LIMIT_BYTES`";
  if (body === "stream") return "any length, as it arrives";
  return body === 0 ? "none" : `${body / 1_024} KiB`;
}

const secondsText = (seconds: number | null) => (seconds === null ? "—" : `${seconds} s`);

/** A table as the formatter of this project leaves it. */
function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((text, column) =>
    Math.max(3, text.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(heads), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join(
    "\n",
  );
}
