import { expect, it } from "vitest";
import { MissingError } from "../stack/missing.ts";
import { ok, runChecks, type Check } from "./check.ts";
import { report } from "./report.ts";

const check = (name: string, look: Check["look"], required = true): Check => ({
  name,
  required,
  mend: "mend it",
  look,
});

it("reports a check that hangs, one that fails and one that finds something missing, each with a remedy", async () => {
  const findings = await runChecks(
    [
      check("well", async () => [ok("well", "here"), ok("more", "too")]),
      check("none", async () => []),
      check("hangs", () => new Promise(() => {})),
      check("fails", () => Promise.reject(new AggregateError([new Error("refused.\n")]))),
      check("lacks", () => Promise.reject(new MissingError("not here", "install it"))),
      check("optional", () => Promise.reject(new MissingError("not here", "install it")), false),
    ],
    10,
  );
  expect(findings).toEqual([
    { name: "well", status: "ok", found: "here", mend: null },
    { name: "more", status: "ok", found: "too", mend: null },
    { name: "hangs", status: "missing", found: "no answer within 0.01 seconds", mend: "Mend it" },
    { name: "fails", status: "missing", found: "refused", mend: "Mend it" },
    { name: "lacks", status: "missing", found: "not here", mend: "Install it" },
    { name: "optional", status: "warning", found: "not here", mend: "Install it" },
  ]);
  expect(report(findings, { json: false })).toEqual({
    text: [
      "ok       well      here",
      "ok       more      too",
      "missing  hangs     no answer within 0.01 seconds → Mend it.",
      "missing  fails     refused → Mend it.",
      "missing  lacks     not here → Install it.",
      "warning  optional  not here → Install it.",
      "",
      "3 missing.",
      "",
    ].join("\n"),
    exitCode: 1,
  });
  const json = report(findings, { json: true });
  expect(JSON.parse(json.text)).toEqual({ ok: false, findings });
  expect(json.exitCode).toBe(1);
});

it("exits with 0 if there are only warnings", async () => {
  const findings = await runChecks([
    check("optional", () => Promise.reject(new MissingError("not here", "install it")), false),
  ]);
  expect(report(findings, { json: false })).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(report(findings, { json: true }).text)).toMatchObject({ ok: true });
});
