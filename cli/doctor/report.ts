import type { Finding } from "./check.ts";

/** Formats the findings as lines or as one JSON document, like `begin.js`. The exit code is 1 if something is missing. */
export function report(
  findings: readonly Finding[],
  { json }: { json: boolean },
): { text: string; exitCode: 0 | 1 } {
  const count = findings.filter(({ status }) => status === "missing").length;
  const exitCode = count === 0 ? 0 : 1;
  if (json)
    return { text: `${JSON.stringify({ ok: count === 0, findings }, null, 2)}\n`, exitCode };
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.map(
    ({ name, status, found, mend }) =>
      `${status.padEnd(7)}  ${name.padEnd(width)}  ${found}${mend === null ? "" : ` → ${mend}.`}`,
  );
  const verdict = count === 0 ? "Nothing that is required is missing." : `${count} missing.`;
  return { text: [...lines, "", verdict, ""].join("\n"), exitCode };
}
