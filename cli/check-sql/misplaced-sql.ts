/** A place with SQL that belongs into another folder. */
export interface MisplacedSql {
  path: string;
  line: number;
  rule: string;
}

interface Rule {
  /** The text of the rule. */
  rule: string;
  /** Whether the rule applies to the file with this path, which has `/` between folders. */
  holdsIn: (path: string) => boolean;
  pattern: RegExp;
}

const tables = "(?:open_|ended_)?deliveries|(?:earlier_)?attempts|groups|grant_logs|gates|breakers";
const models =
  "openDelivery|endedDelivery|earlierAttempt|delivery|attempt|group|grantLog|gate|breaker";

const ledgerOwns =
  "only ledger/ writes deliveries, attempts, groups, grants, gates and breakers: call its function, or add one";

const rules: Rule[] = [
  {
    rule: ledgerOwns,
    holdsIn: (path) => !path.startsWith("ledger/"),
    pattern: new RegExp(
      String.raw`\b(?:UPDATE|INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE)\s+(?:ONLY\s+)?"?(?:${tables})\b`,
      "gi",
    ),
  },
  {
    rule: ledgerOwns,
    holdsIn: (path) => !path.startsWith("ledger/"),
    pattern: new RegExp(
      String.raw`\.(?:${models})\s*\.(?:create|update|upsert|delete)(?:Many|ManyAndReturn)?\s*\(`,
      "g",
    ),
  },
  {
    rule: "domain/ must not contain SQL: move it to ledger/",
    holdsIn: (path) => path.startsWith("domain/"),
    pattern: /["'`]\s*(?:WITH|SELECT|INSERT INTO|UPDATE|DELETE FROM)\s[^"'`]*/g,
  },
  {
    rule: "a statement must not have parameters beyond $9: name them (ledger/sql.ts)",
    holdsIn: () => true,
    pattern: /\$[1-9]\d+\b/g,
  },
];

/** Finds the places in a source file where SQL breaks a rule. */
export function findMisplacedSql(path: string, text: string): MisplacedSql[] {
  return rules
    .filter(({ holdsIn }) => holdsIn(path))
    .flatMap(({ rule, pattern }) =>
      [...text.matchAll(pattern)].map(({ index }) => ({
        path,
        line: text.slice(0, index).split("\n").length,
        rule,
      })),
    );
}
