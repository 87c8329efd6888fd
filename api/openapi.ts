import { type Access, accessExtension, type createRouter } from "./router.ts";

type App = ReturnType<typeof createRouter>;

/** The OpenAPI document of the routes of an app. Called once for each app: it registers what it needs. */
export function openApiDocument(app: App): Record<string, unknown> {
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", {
    type: "http",
    scheme: "bearer",
  });
  return {
    ...app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "Tidings",
        version: "1",
        description: "Tells people things, durably. Every error is a problem of RFC 9457.",
      },
      security: [{ apiKey: [] }],
    }),
  };
}

interface TableRow {
  /** In capitals. */
  method: string;
  path: string;
  access: Access;
}

/** Every route with who may use it. To be asked for when all routes are registered. */
export function routeTable(app: App): TableRow[] {
  return app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== "route") return [];
    const { method, path, [accessExtension]: access } = definition.route;
    return [{ method: method.toUpperCase(), path, access: access as Access }];
  });
}

/** Finds the routes of a path, as a request has it, among those of a table. */
export function createPathMatcher(table: readonly TableRow[]): (path: string) => TableRow[] {
  const patterns = table.map((row) => ({
    row,
    pattern: new RegExp(`^${row.path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`),
  }));
  return (path) => patterns.flatMap(({ row, pattern }) => (pattern.test(path) ? [row] : []));
}
