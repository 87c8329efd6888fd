import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Document, operationsOf } from "./openapi.ts";
import { programOf } from "./programs.ts";

const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
];

/** Compares a server with its document by Schemathesis. If it differs, returns the complete report. */
export async function runSchemathesis({
  document,
  url,
  apiKey,
  seed,
}: {
  document: Document;
  url: string;
  apiKey: string;
  seed: number;
}): Promise<{ verdict: "conforms" } | { verdict: "does not conform"; output: string }> {
  const program = programOf("Schemathesis", "SCHEMATHESIS_PATH", ["schemathesis", "st"]);
  const folder = mkdtempSync(join(tmpdir(), "tidings-schemathesis-"));
  try {
    writeFileSync(join(folder, "openapi.json"), JSON.stringify(withoutNdjson(document)));
    writeFileSync(join(folder, "schemathesis.toml"), configuration(document));
    const child = spawn(
      program,
      [
        "run",
        "openapi.json",
        `--url=${url}`,
        `--header=Authorization: Bearer ${apiKey}`,
        `--checks=${checks.join(",")}`,
        `--seed=${seed}`,
        "--max-examples=10",
        "--generation-database=none",
        "--continue-on-failure",
        "--no-color",
        "--warnings=off",
      ],
      { cwd: folder, stdio: ["ignore", "pipe", "pipe"] },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return code === 0 ? { verdict: "conforms" } : { verdict: "does not conform", output };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * For a body with a recursive schema, all combinations of a few levels are thousands of requests, nearly all of
 * them alike: such operations get random bodies instead, and more of them.
 */
function configuration(document: Document): string {
  const schemas = (document.components?.schemas ?? {}) as Record<string, unknown>;
  const isNested = (name: string) =>
    /^(?:Audience|RecipientFilter|Routing\w*)$/.test(name) ||
    namesIn(schemas, schemas[name]).has(name);
  const nested = operationsOf(document)
    .filter(({ body }) => [...namesIn(schemas, body)].some(isNested))
    .map(({ operationId }) => operationId);
  return [
    "[[operations]]",
    `include-operation-id = ${JSON.stringify(nested)}`,
    "phases.coverage.enabled = false",
    "generation.max-examples = 50",
  ].join("\n");
}

/** The names of the schemas that a value refers to, however deep. */
function namesIn(
  schemas: Record<string, unknown>,
  value: unknown,
  found = new Set<string>(),
): Set<string> {
  for (const [, name] of JSON.stringify(value ?? null).matchAll(/#\/components\/schemas\/(\w+)/g)) {
    if (found.has(name!)) continue;
    found.add(name!);
    namesIn(schemas, schemas[name!], found);
  }
  return found;
}

/** Removes NDJSON bodies, which Schemathesis cannot write: fast-check tests them. */
function withoutNdjson(document: Document): Document {
  const copy = structuredClone(document);
  for (const item of Object.values(copy.paths))
    for (const { requestBody } of Object.values(item)) {
      const { content = {} } = (requestBody ?? {}) as { content?: Record<string, unknown> };
      delete content["application/x-ndjson"];
    }
  return copy;
}
