import type { createRouter } from "./router.ts";

type App = ReturnType<typeof createRouter>;

/** The OpenAPI document of the routes of an app. Called once for each app: it registers what it needs. */
export function openApiDocument(app: App): object {
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", {
    type: "http",
    scheme: "bearer",
  });
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Tidings",
      version: "1",
      description: "Tells people things, durably. Every error is a problem of RFC 9457.",
    },
    security: [{ apiKey: [] }],
  });
}

/** Which methods some route answers at a path, in capitals. To be made when all routes are registered. */
export function createAllowedMethods(app: App): (path: string) => string[] {
  const routes = app.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === "route"
      ? [
          {
            method: definition.route.method.toUpperCase(),
            pattern: new RegExp(
              `^${definition.route.path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`,
            ),
          },
        ]
      : [],
  );
  return (path) => [
    ...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)),
  ];
}
