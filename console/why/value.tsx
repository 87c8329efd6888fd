import { Instant } from "../parts/instant.tsx";
import { formatCount } from "../words/numbers.ts";
import { toWords } from "../words/statuses.ts";
import { describeFact, nameOfFact } from "./fact-words.ts";

const instantPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

/** A fact that a rule saw, in words: facts are plain JSON of any shape. */
export function Value({ name, value }: { name: string; value: unknown }) {
  const words = describeFact(name, value);
  if (words !== null) return words;
  if (value === null || value === undefined) return <span className="muted">none</span>;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return formatCount(value);
  if (typeof value === "string") {
    if (instantPattern.test(value)) return <Instant at={value} />;
    // Names of reasons and the like; anything else may be the text of a person.
    return /^[a-z]+(?:_[a-z]+)+$/.test(value) ? toWords(value).toLowerCase() : value;
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return <span className="muted">none</span>;
    return (
      <ul>
        {value.map((each: unknown, index) => (
          <li key={index}>
            <Value name={name} value={each} />
          </li>
        ))}
      </ul>
    );
  }
  const { start, end, ...rest } = value as Record<string, unknown>;
  if (typeof start === "string" && typeof end === "string")
    return (
      <>
        {start}–{end}
        {Object.keys(rest).length > 0 && <> {<Value name={name} value={rest} />}</>}
      </>
    );
  return Object.entries(value as object).map(([own, part]: [string, unknown], index) => (
    <span key={own}>
      {index > 0 && ", "}
      <span className="muted">{nameOfFact(own).toLowerCase()}</span>{" "}
      <Value name={own} value={part} />
    </span>
  ));
}
