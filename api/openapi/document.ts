import { audienceComponents } from "../segments/audience.ts";
import { headerComponents, problemComponents } from "./components.ts";
import { guide } from "./guide.ts";
import { completeOperation, type Operation, tagDescriptions, takesHeader } from "./operations.ts";
import { type createRouter, type TableRow, tableRow } from "../http/router.ts";

type App = ReturnType<typeof createRouter>;

/** The OpenAPI document of the routes of an app. Called once for each app: it registers what it needs. */
export function openApiDocument(app: App): Record<string, unknown> {
  const registry = app.openAPIRegistry;
  registry.registerComponent("securitySchemes", "apiKey", {
    type: "http",
    scheme: "bearer",
    description: "An API key. Each operation names the least role it needs as `x-tidings-role`.",
  });
  registry.registerComponent("securitySchemes", "recipientToken", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "A token of one recipient, signed here, which expires. It is good for their own preferences.",
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
    servers: [{ url: "/", description: "Where this document was read" }],
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

/** Lists every route with how its requests are let in. It must be called when all routes have been added. */
export const routeTable = (app: App): TableRow[] =>
  app.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === "route" ? [tableRow(definition.route)] : [],
  );

/** Finds the routes of a path, as a request has it, among those of a table. Every request asks: only those of as many parts are tried. */
export function createPathMatcher(table: readonly TableRow[]): (path: string) => TableRow[] {
  const parts = (path: string) => path.split("/").length;
  const byParts = new Map<number, { row: TableRow; pattern: RegExp }[]>();
  for (const row of table) {
    const pattern = row.path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+");
    const alike = byParts.get(parts(row.path)) ?? [];
    byParts.set(parts(row.path), [...alike, { row, pattern: new RegExp(`^${pattern}$`) }]);
  }
  return (path) =>
    (byParts.get(parts(path)) ?? []).flatMap(({ row, pattern }) =>
      pattern.test(path) ? [row] : [],
    );
}
