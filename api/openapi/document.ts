import { audienceComponents } from "../segments/audience.ts";
import { headerComponents, problemComponents } from "./components.ts";
import { guide } from "./guide.ts";
import { completeOperation, type Operation, tagDescriptions, takesHeader } from "./operations.ts";
import { type createRouter, type TableRow, tableRow } from "../http/router.ts";

type App = ReturnType<typeof createRouter>;

/** Builds the OpenAPI document of the routes of an app. It must be called once for each app, because it registers components. */
export function openApiDocument(app: App): Record<string, unknown> {
  const registry = app.openAPIRegistry;
  registry.registerComponent("securitySchemes", "apiKey", {
    type: "http",
    scheme: "bearer",
    description:
      "An API key. Each operation names the least role that it needs as `x-tidings-role`.",
  });
  registry.registerComponent("securitySchemes", "recipientToken", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "A token of one recipient, which Tidings signs and which expires. It gives access to that recipient's own data only.",
  });
  registry.registerComponent("securitySchemes", "session", {
    type: "apiKey",
    in: "cookie",
    name: "__Host-tidings",
    description:
      "The session of a browser that is signed in to the console. Operations that take an API key take it too, if a page of the same origin sends the request. A change needs the header `X-Tidings-Console: 1`.",
  });
  for (const [name, schema] of Object.entries(audienceComponents))
    registry.registerComponent("schemas", name, schema);
  for (const [name, header] of Object.entries(headerComponents))
    registry.registerComponent("headers", name, header);
  for (const [name, response] of Object.entries(problemComponents()))
    registry.registerComponent("responses", name, response);
  const { webhooks: _, ...document } = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Tidings", version: "1", description: guide },
    servers: [{ url: "/", description: "The server of this document" }],
    security: [{ apiKey: [] }],
  });
  const schemas = document.components?.schemas ?? {};
  const paths = Object.fromEntries(
    Object.entries(document.paths ?? {}).map(([path, item]) => {
      const operations = Object.entries(item as Record<string, Operation>);
      const versioned = operations.some(([, operation]) => takesHeader(operation, "if-match"));
      return [
        path,
        Object.fromEntries(
          operations.map(([method, operation]) => [
            method,
            completeOperation(operation, { method, path, versioned }, schemas),
          ]),
        ),
      ];
    }),
  );
  const used = new Set(
    Object.values(paths).flatMap((item) => Object.values(item).flatMap(({ tags = [] }) => tags)),
  );
  return {
    ...document,
    tags: Object.entries(tagDescriptions)
      .filter(([name]) => used.has(name))
      .map(([name, description]) => ({ name, description })),
    paths,
  };
}

/** Lists every route with its access, scope and class. It must be called after all routes have been added. */
export const routeTable = (app: App): TableRow[] =>
  app.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === "route" ? [tableRow(definition.route)] : [],
  );

/**
 * Makes a function that finds the routes of a table whose pattern matches the path of a request. Since it runs for every request, it
 * looks up a path without parameters, and otherwise tries only the routes with the same number of path segments.
 */
export function createPathMatcher(table: readonly TableRow[]): (path: string) => TableRow[] {
  const countParts = (path: string) => path.split("/").length;
  const byParts = new Map<number, { row: TableRow; pattern: RegExp }[]>();
  for (const row of table) {
    const pattern = row.path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+");
    const others = byParts.get(countParts(row.path)) ?? [];
    byParts.set(countParts(row.path), [...others, { row, pattern: new RegExp(`^${pattern}$`) }]);
  }
  const match = (path: string) =>
    (byParts.get(countParts(path)) ?? []).flatMap(({ row, pattern }) =>
      pattern.test(path) ? [row] : [],
    );
  const withoutParameters = new Map(
    table.flatMap(({ path }) => (path.includes("{") ? [] : [[path, match(path)] as const])),
  );
  return (path) => withoutParameters.get(path) ?? match(path);
}
