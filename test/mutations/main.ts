import { Command } from "commander";
import { type Mutation, mutations } from "./mutations.ts";
import { createWorkspace, type Verdict, type Workspace } from "./workspace.ts";

const program = new Command("test:mutations")
  .description("Breaks rules one by one in a copy of the tree, and shows that a test notices.")
  .option("--only <names...>", "only the mutations of these names")
  .option("--json", "end with one line of JSON")
  .parse();
const { only, json } = program.opts<{ only?: string[]; json?: true }>();

/** Vitest itself runs two files at once. */
const workspaceCount = 2;

const chosen = mutations.filter(({ name }) => only === undefined || only.includes(name));
const unknown = (only ?? []).filter((name) =>
  mutations.every((mutation) => mutation.name !== name),
);
if (unknown.length > 0) program.error(`there is no mutation ${unknown.join(", ")}`);

const workspaces = Array.from({ length: workspaceCount }, createWorkspace);
process.once("exit", () => workspaces.forEach((workspace) => workspace.remove()));
process.once("SIGINT", () => process.exit(130));

/** Tests that fail by themselves catch nothing. */
async function failingBefore(workspace: Workspace): Promise<Verdict[]> {
  const files = [...new Set(chosen.flatMap(({ tests }) => tests))];
  const isOfServers = (file: string) => file.startsWith("test/");
  const verdicts: Verdict[] = [];
  for (const part of [files.filter(isOfServers), files.filter((file) => !isOfServers(file))])
    if (part.length > 0) verdicts.push(await workspace.test(part));
  return verdicts.filter(({ verdict }) => verdict !== "survived");
}

const say = (line: string) => process.stderr.write(`${line}\n`);

function shown(verdict: Verdict): string {
  switch (verdict.verdict) {
    case "caught":
      return `caught by: ${verdict.by}`;
    case "survived":
      return "SURVIVED";
    case "not applicable":
      return `NOT APPLICABLE: its text stands ${verdict.found} times in the file`;
    case "broken":
      return `BROKEN: ${verdict.output}`;
  }
}

const [failure] = await failingBefore(workspaces[0]!);
if (failure) {
  say(`Without a mutation the tests do not pass. ${shown(failure)}`);
  process.exit(1);
}

const verdicts = new Map<Mutation, Verdict>();
const waiting = [...chosen];
await Promise.all(
  workspaces.map(async (workspace) => {
    for (let mutation = waiting.shift(); mutation; mutation = waiting.shift()) {
      const verdict = await workspace.try(mutation);
      verdicts.set(mutation, verdict);
      say(`${mutation.name}: ${verdict.verdict}`);
    }
  }),
);

const width = Math.max(...chosen.map(({ name }) => name.length));
for (const mutation of chosen) {
  process.stdout.write(`\n  ${mutation.name.padEnd(width)}  ${mutation.rule}\n`);
  process.stdout.write(`  ${" ".repeat(width)}  ${shown(verdicts.get(mutation)!)}\n`);
}
const caught = chosen.filter((mutation) => verdicts.get(mutation)!.verdict === "caught");
process.stdout.write(`\n  ${caught.length} of ${chosen.length} broken rules were noticed.\n`);
if (json)
  process.stdout.write(
    `${JSON.stringify(chosen.map((mutation) => ({ name: mutation.name, rule: mutation.rule, file: mutation.file, ...verdicts.get(mutation)! })))}\n`,
  );
process.exitCode = caught.length === chosen.length ? 0 : 1;
