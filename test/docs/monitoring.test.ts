import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { addLedgerMetrics } from "../../api/operations/ledger-metrics.ts";
import { createApiMetrics } from "../../api/http/metrics.ts";
import { processRegistry } from "../../config/metrics.ts";
import { packageRoot } from "../../config/package-root.ts";
import { createWorkerMetrics } from "../../workers/metrics.ts";

const read = (path: string) => readFileSync(join(packageRoot, path), "utf8");

const duration = z.string().regex(/^\d+[smhd]$/);
const rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Tidings[A-Za-z]+$/),
          expr: z.string(),
          for: duration.optional(),
          labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
          annotations: z.strictObject({
            summary: z.string(),
            description: z.string(),
            runbook: z.string(),
          }),
        }),
      ),
    }),
  ),
});
const alerts = rules
  .parse(parse(read("docs/monitoring/alerts.yml")))
  .groups.flatMap((group) => group.rules);

const dashboard = z
  .looseObject({
    title: z.string(),
    schemaVersion: z.int(),
    panels: z.array(
      z.looseObject({
        id: z.int(),
        type: z.enum(["row", "timeseries", "stat"]),
        title: z.string(),
        gridPos: z.strictObject({ h: z.int(), w: z.int(), x: z.int(), y: z.int() }),
        targets: z.array(z.looseObject({ refId: z.string(), expr: z.string() })).optional(),
      }),
    ),
  })
  .parse(JSON.parse(read("docs/monitoring/dashboard.json")));

/** The samples that a registry can have, with their labels. */
async function samplesOf(registry: Registry): Promise<[string, Set<string>][]> {
  return Promise.all(
    registry.getMetricsAsArray().flatMap((metric) => {
      // What prom-client does not say of itself in its types.
      const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] };
      const suffixes =
        "bucketValues" in metric || "buckets" in metric ? ["_bucket", "_sum", "_count"] : [""];
      return suffixes.map(async (suffix): Promise<[string, Set<string>]> => [
        `${name}${suffix}`,
        new Set([...labelNames, ...(suffix === "_bucket" ? ["le"] : [])]),
      ]);
    }),
  );
}

async function existing(): Promise<Map<string, Set<string>>> {
  const { registry } = createApiMetrics(processRegistry());
  addLedgerMetrics(
    registry,
    async () => ({ up: false, takesWrites: false, reading: null }),
    () => 0,
  );
  return new Map([
    ...(await samplesOf(registry)),
    ...(await samplesOf(createWorkerMetrics().registry)),
  ]);
}

/** Of every target, by Prometheus. */
const ofEveryTarget = ["job", "instance"];

/** The names of metrics in an expression, with the labels that their selectors name. */
function selectors(expression: string): { name: string; labels: string[] }[] {
  const plain = expression
    .replaceAll("$__rate_interval", "5m")
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, " ");
  return [...plain.matchAll(/(?<![\w:.])([a-zA-Z_:][\w:]*)\s*(\(|\{([^}]*)\})?/g)].flatMap(
    ([, name, after, selector = ""]) =>
      after === "(" || ["and", "or", "unless", "bool", "offset"].includes(name!)
        ? []
        : [
            {
              name: name!,
              labels: [...selector.matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => label!),
            },
          ],
  );
}

/** Labels by which an expression groups. */
const groupings = (expression: string) =>
  [...expression.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/\s*,\s*/));

const expressions = [
  ...alerts.map(({ alert, expr }) => ({ where: alert, expr })),
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ where: title, expr })),
  ),
];

describe("alerts and dashboard", () => {
  it.each(expressions)("name metrics and labels that exist: $where: $expr", async ({ expr }) => {
    const metrics = await existing();
    const named = selectors(expr);
    expect(named.length).toBeGreaterThan(0);
    const labels = new Set(ofEveryTarget);
    for (const { name, labels: asked } of named) {
      expect([...metrics.keys()]).toContain(name);
      const has = new Set([...metrics.get(name)!, ...ofEveryTarget]);
      expect(asked.filter((label) => !has.has(label))).toEqual([]);
      for (const label of has) labels.add(label);
    }
    expect(groupings(expr).filter((label) => !labels.has(label))).toEqual([]);
  });

  it("see every metric of ours, between them", async () => {
    const named = new Set(
      expressions.flatMap(({ expr }) => selectors(expr).map(({ name }) => name)),
    );
    const families = new Set([...named].map((name) => name.replace(/_(bucket|sum|count)$/, "")));
    const ours = [...(await existing()).keys()]
      .filter((name) => name.startsWith("tidings_"))
      .map((name) => name.replace(/_(bucket|sum|count)$/, ""));
    expect(ours.filter((name) => !families.has(name))).toEqual([]);
  });

  it("would show a metric that does not exist", async () => {
    expect([...(await existing()).keys()]).not.toContain("tidings_no_such_thing_total");
    expect(selectors('sum by (a) (rate(x_total{b="c, d", e!~"f"}[5m])) > 1 and on () y')).toEqual([
      { name: "x_total", labels: ["b", "e"] },
      { name: "y", labels: [] },
    ]);
  });
});

describe("an alert", () => {
  it("has a name of its own", () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it.each(alerts)("$alert is explained in the runbook", ({ alert, annotations }) => {
    const [page, anchor] = annotations.runbook.split("#");
    expect(anchor).toBe(alert.toLowerCase());
    expect(existsSync(join(packageRoot, page!))).toBe(true);
    const section = read(page!).split(`### ${alert}\n`)[1]?.split(/^#/m)[0];
    expect(section?.trim()).toMatch(/\w.{40,}/s);
  });

  it("is in the runbook only if it exists", () => {
    const explained = [...read("docs/runbook.md").matchAll(/^### (Tidings\w+)$/gm)].map(
      ([, name]) => name,
    );
    expect(new Set(explained)).toEqual(new Set(alerts.map(({ alert }) => alert)));
    expect(explained).toHaveLength(alerts.length);
  });
});

it("panels of the dashboard lie side by side", () => {
  const taken = new Set<string>();
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  for (const { title, gridPos } of dashboard.panels) {
    expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect([title, taken.has(`${x} ${y}`)]).toEqual([title, false]);
        taken.add(`${x} ${y}`);
      }
  }
});

it("the scrape configuration names the jobs that alerts and dashboard ask for", () => {
  const { rule_files: files, scrape_configs: jobs } = parse(
    read("docs/monitoring/prometheus.yml"),
  ) as {
    rule_files: string[];
    scrape_configs: { job_name: string }[];
  };
  for (const file of files)
    expect(existsSync(join(packageRoot, "docs/monitoring", file))).toBe(true);
  const names = jobs.map(({ job_name: name }) => name);
  const asked = expressions.flatMap(({ expr }) =>
    [...expr.matchAll(/job=~?"([^"]+)"/g)].map(([, job]) => job!),
  );
  for (const pattern of asked)
    expect(names.every((name) => new RegExp(`^${pattern}$`).test(name))).toBe(true);
});
