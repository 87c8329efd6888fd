import { toWords } from "../words/statuses.ts";
import { formatFull } from "../words/instants.ts";
import type { Change } from "./changes.ts";
import { useZone } from "./instant.tsx";
import styles from "./change-list.module.css";

/** An instant as the API writes it. */
const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

function write(value: unknown, zone: string): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value) && value.length === 0) return "none";
  if (typeof value !== "string") return JSON.stringify(value, null, 1);
  return instant.test(value) ? formatFull(value, zone) : value;
}

/** What differs between two versions of a resource: each value before and after. */
export function ChangeList({ changes }: { changes: readonly Change[] }) {
  const zone = useZone();
  return (
    <dl className={styles.changes}>
      {changes.map(({ path, from, to }) => (
        <div key={path}>
          <dt>
            <span title={path}>{toWords(path)}</span>
          </dt>
          <dd>
            {from !== undefined && from !== null && <del>{write(from, zone)}</del>}{" "}
            {to === undefined || to === null ? (
              <span className="muted">none</span>
            ) : (
              <ins>{write(to, zone)}</ins>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
