import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";

/** Whether an import must refuse the line of the sample: its id begins with `broken-` or is empty. */
const isBroken = (line: string) => /^(broken-|,)/.test(line);

/**
 * The sample audience as CSV, in pieces: `recipients` well-formed lines, and the broken ones among them. Beyond the size of the sample, its
 * lines are repeated with other ids and addresses.
 */
export function* sampleAudience(recipients = sampleSize()): Generator<string> {
  const [header, ...lines] = sampleLines();
  yield `${header}\n`;
  for (let round = 0, left = recipients; left > 0; round++) {
    for (const line of lines) {
      if (isBroken(line)) {
        if (round === 0) yield `${line}\n`;
      } else if (left-- > 0) {
        yield `${round === 0 ? line : renumber(line, round)}\n`;
      }
    }
  }
}

/** The number of well-formed lines in the sample. */
function sampleSize(): number {
  return sampleLines()
    .slice(1)
    .filter((line) => !isBroken(line)).length;
}

function sampleLines(): string[] {
  return readFileSync(join(packageRoot, "cli/demo/audience.csv"), "utf8").trimEnd().split("\n");
}

/** Gives a line another id and address: the first two columns, which are not quoted. The address may be empty. */
function renumber(line: string, round: number): string {
  return line.replace(
    /^([^,]+),([^,@]*)/,
    (_, id: string, mailbox: string) => `${id}-${round},${mailbox && `${mailbox}+${round}`}`,
  );
}
