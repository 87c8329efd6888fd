import { findMisplacedSql } from "./check-sql/misplaced-sql.ts";
import { readSources } from "./check-sql/sources.ts";

// Part of `npm run check`: fails if a folder contains SQL that does not belong there.
const faults = readSources().flatMap(({ path, text }) => findMisplacedSql(path, text));
for (const { path, line, rule } of faults) console.error(`${path}:${line}: ${rule}`);
process.exitCode = faults.length === 0 ? 0 : 1;
