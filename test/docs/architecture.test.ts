import { describe, expect, it } from "vitest";
import { deliveryStatuses, deliveryTransitions } from "../../domain/delivery/status.ts";
import { parseQueueName, waitingDigests } from "../../domain/delivery/queues.ts";
import { reasonStatuses } from "../../domain/delivery/reasons.ts";
import * as workflows from "../../workflows/index.ts";
import { readPage } from "../support/markdown.ts";

const ledger = readPage("docs/architecture/ledger.md");
const workflowPage = readPage("docs/architecture/workflows.md");

/** The first cells of the rows of the tables under a heading. */
function firstCells(page: string, heading: string): string[] {
  const section = page
    .split(/^## /m)
    .find((part) => part.startsWith(`${heading}\n`))!
    .replace(/^.*?^\| ?-.*?$/ms, "");
  return [...section.matchAll(/^\| (.*?) +\|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  );
}

it("the overview is short", () => {
  expect(Buffer.byteLength(readPage("docs/ARCHITECTURE.md"))).toBeLessThanOrEqual(8_192);
});

describe("the states of a delivery", () => {
  const diagram = /^```mermaid\nstateDiagram-v2\n(.*?)^```$/ms.exec(ledger)![1]!;
  const arrows = [...diagram.matchAll(/^ *(\w+) --> (\w+)/gm)].map(
    ([, from, to]) => `${from} ${to}`,
  );

  it("are in the diagram as the domain has them", () => {
    expect(arrows.toSorted()).toEqual(
      deliveryStatuses
        .flatMap((from) => deliveryTransitions[from].map((to) => `${from} ${to}`))
        .toSorted(),
    );
    expect(/\[\*\] --> (\w+)/.exec(diagram)![1]).toBe("pending");
  });

  it("can all be reached, and those that have reasons can be left to what is open or not at all", () => {
    const reached = new Set(["pending", ...arrows.map((arrow) => arrow.split(" ")[1])]);
    expect(deliveryStatuses.filter((status) => !reached.has(status))).toEqual([]);
    const withReasons = new Set(Object.values(reasonStatuses).flat());
    for (const status of withReasons)
      if (!["pending", "sending"].includes(status))
        expect(deliveryTransitions[status].filter((to) => to !== "pending")).toEqual([]);
  });
});

it("the ledger's page names every table and view of the schema", () => {
  const schema = readPage("prisma/schema.prisma");
  const tables = [...schema.matchAll(/^(?:model|view) \w+ \{.*?@@map\("(\w+)"\)/gms)].map(
    ([, name]) => name!,
  );
  expect(tables.length).toBeGreaterThan(20);
  expect(firstCells(ledger, "Tables").toSorted()).toEqual(tables.toSorted());
});

it("the queues are those whose names the domain reads", () => {
  const names = firstCells(workflowPage, "Queues");
  const kinds = names
    .filter((name) => name !== waitingDigests)
    .map((name) => parseQueueName(name.replace("{id}", "cmp_1").replaceAll(/\{\w+\}/g, "0")).kind);
  expect(names).toContain(waitingDigests);
  expect(kinds.toSorted()).toEqual(["critical", "digest", "lane", "mailbox"]);
});

it("the workflows are those that workers run", () => {
  const named = [
    ...workflowPage
      .split(/^## /m)
      .find((part) => part.startsWith("The workflows\n"))!
      .matchAll(/^\| `(\w+)`/gm),
  ].map(([, name]) => name!);
  expect(named.toSorted()).toEqual(Object.keys(workflows).toSorted());
});

describe("the map of folders", () => {
  const rows = new Map(
    [...readPage("CONTRIBUTING.md").matchAll(/^\| `(\w+)\/` +\| (.*?) +\|/gm)].map(
      ([, folder, imports]) => [folder!, imports!.split(";")],
    ),
  );
  const folders = [...rows.keys()];
  const { overrides } = JSON.parse(readPage(".oxlintrc.json")) as {
    overrides: { files: string[]; rules: Record<string, unknown> }[];
  };

  /** What the linter forbids to the files of a folder, as far as types are concerned too. */
  const forbidden = (folder: string): string[] => {
    const pattern = folder === "api" ? "api/*/**" : `${folder}/**`;
    const rules = overrides.filter(({ files }) => files.includes(pattern));
    return [...JSON.stringify(rules).matchAll(/\(\?:\.\*\/\)\?\(([a-z|]+)\)/g)].flatMap(
      ([, names]) => names!.split("|"),
    );
  };

  it("has every folder that the linter bounds", () => {
    expect(folders.length).toBe(10);
    expect(folders.filter((folder) => forbidden(folder).length === 0)).toEqual([]);
  });

  it.each(folders)("lets %s import what the linter lets it import", (folder) => {
    const [always] = rows.get(folder)!;
    const allowed = folders.filter((other) => always!.includes(`\`${other}\``));
    const others = folders.filter((other) => other !== folder);
    expect(allowed.toSorted()).toEqual(
      others.filter((other) => !forbidden(folder).includes(other)).toSorted(),
    );
  });
});
