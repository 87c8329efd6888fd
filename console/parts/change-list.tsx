import type { Change } from "./changes.ts";
import styles from "./change-list.module.css";

const write = (value: unknown) =>
  typeof value === "string" ? value : JSON.stringify(value, null, 1);

/** What differs between two versions of a resource: each value before and after. */
export const ChangeList = ({ changes }: { changes: readonly Change[] }) => (
  <dl className={styles.changes}>
    {changes.map(({ path, from, to }) => (
      <div key={path}>
        <dt>
          <code>{path}</code>
        </dt>
        <dd>
          {from !== undefined && from !== null && <del>{write(from)}</del>}{" "}
          {to === undefined || to === null ? (
            <span className="muted">none</span>
          ) : (
            <ins>{write(to)}</ins>
          )}
        </dd>
      </div>
    ))}
  </dl>
);
