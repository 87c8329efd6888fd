import { Link } from "@tanstack/react-router";
import { Icon } from "../parts/icon.tsx";
import { Empty } from "../parts/states.tsx";
import type { Concern } from "./concerns.ts";
import styles from "./concerns-list.module.css";

/** What needs attention, each with a link to where it can be looked at. */
export function Concerns({ concerns }: { concerns: readonly Concern[] }) {
  if (concerns.length === 0)
    return (
      <Empty icon="check" title="Nothing needs attention">
        Every provider is in use, no campaign has been paused for an hour, and no message waits
        because of a fault.
      </Empty>
    );
  return (
    <ul className={styles.list}>
      {concerns.map(({ weight, title, detail, link }, index) => (
        <li key={index} data-weight={weight}>
          <Icon name={weight === "poor" ? "cross" : "warning"} />
          <div>
            <span className="hidden-text">{weight === "poor" ? "Severe: " : "Minor: "}</span>
            <Link {...link}>{title}</Link>
            {detail !== null && <p className="muted">{detail}</p>}
          </div>
        </li>
      ))}
    </ul>
  );
}
