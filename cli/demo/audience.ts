import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";

/** Lines of the sample that an import has to refuse: named so, or without a name. */
const isBroken = (line: string) => /^(broken-|,)/.test(line);

/**
 * The sample audience as CSV, in pieces: `recipients` lines that are well-formed, and the broken ones among them. Past the
 * end of the sample its people come again under other ids and addresses.
 */
export function* sampleAudience(recipients = sampleSize()): Generator<string> {
  const [header, ...lines] = sampleLines();
  yield `${header}\n`;
  for (let round = 0, left = recipients; left > 0; round++) {
    for (const line of lines) {
      if (isBroken(line)) {
        if (round === 0) yield `${line}\n`;
      } else if (left-- > 0) {
        yield `${round === 0 ? line : again(line, round)}\n`;
      }
    }
  }
}

/** Well-formed lines of the sample. */
function sampleSize(): number {
  return sampleLines()
    .slice(1)
    .filter((line) => !isBroken(line)).length;
}

function sampleLines(): string[] {
  return readFileSync(join(packageRoot, "cli/demo/audience.csv"), "utf8").trimEnd().split("\n");
}

/** The first two columns are the external id and the address, which may be empty; neither is quoted. */
function again(line: string, round: number): string {
  return line.replace(
    /^([^,]+),([^,@]*)/,
    (_, id: string, mailbox: string) => `${id}-${round},${mailbox && `${mailbox}+${round}`}`,
  );
}
