import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { rules } from "../../domain/policy/rules.ts";
import { reasons } from "../../domain/delivery/reasons.ts";

const text = readFileSync(join(packageRoot, "docs/policy.md"), "utf8");
const rows = [...text.matchAll(/^\| (\d+) +\| `(\w+)` +\| (.+?) +\| (.+?) +\|$/gm)];

it("the order of precedence is published as it is obeyed", () => {
  expect(
    rows.map(([, place, name, question]) => ({ place: Number(place), name, question })),
  ).toEqual(rules.map(({ name, question }, index) => ({ place: index + 1, name, question })));
});

it("the reasons that it names are those of the ledger", () => {
  const named = rows.flatMap(([, , , , then]) =>
    [...then!.matchAll(/`(\w+)`/g)].map(([, of]) => of),
  );
  expect(named.length).toBeGreaterThan(15);
  for (const reason of named) expect(reasons).toContain(reason);
});
