import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { packageRoot } from "../../config/package-root.ts";

/** What the tests ask of a service; the rest of it is held to the specification. */
const service = z.looseObject({
  image: z.string(),
  user: z.string(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  networks: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  secrets: z.array(z.string()).default([]),
  configs: z.array(z.object({ source: z.string(), target: z.string() })).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z
    .object({ test: z.array(z.string()) })
    .loose()
    .optional(),
  restart: z.string(),
  pids_limit: z.number(),
  deploy: z.object({
    replicas: z.number().default(1),
    resources: z.object({
      limits: z.strictObject({ cpus: z.string(), memory: z.string() }),
    }),
  }),
});

export type Service = z.output<typeof service>;

const model = z.looseObject({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.object({ internal: z.boolean().default(false) })),
  volumes: z.record(z.string(), z.object({})),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
  configs: z.record(z.string(), z.object({ file: z.string() })),
});

/** `${NAME:-preset}`, which is all that the file uses of compose's interpolation. */
const interpolation = /\$\{([A-Z_]+):-([^}]*)\}/g;

/** `docker-compose.yml` as compose sees it where the environment says nothing. */
export const document: unknown = parse(
  readFileSync(join(packageRoot, "docker-compose.yml"), "utf8"),
  (_key, value: unknown) =>
    typeof value === "string" ? value.replaceAll(interpolation, "$2") : value,
  { merge: true },
);

export const compose = model.parse(document);

/** Run once, and ended well before those start that need what they do. */
export function isOneShot(name: string): boolean {
  return Object.values(compose.services).some(
    ({ depends_on }) => depends_on[name]?.condition === "service_completed_successfully",
  );
}
