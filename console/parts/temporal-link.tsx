import type { ReactNode } from "react";
import { searchAttributeNames } from "../../domain/search-attributes.ts";
import { useSession } from "../api/session.ts";
import { Icon } from "./icon.tsx";
import styles from "./temporal-link.module.css";

/** Which workflows a link shows: those of a campaign with its lanes, or those of one queue. */
type Runs = { campaign: string } | { queue: string };

const queryOf = (runs: Runs) =>
  "campaign" in runs
    ? `${searchAttributeNames.campaign}="${runs.campaign}"`
    : `${searchAttributeNames.queue}="${runs.queue}"`;

/** A link to the workflows in Temporal's web interface, with all their runs. Nothing if the installation has not said where that is. */
export function TemporalLink({ runs, children }: { runs: Runs; children: ReactNode }) {
  const { temporalUi } = useSession().links;
  if (temporalUi === null) return null;
  const query = new URLSearchParams({ query: queryOf(runs) });
  return (
    <a
      className={styles.link}
      href={`${temporalUi}?${query.toString()}`}
      target="_blank"
      rel="noreferrer"
    >
      {children}
      <Icon name="external" size={14} />
      <span className="hidden-text"> (in a new tab)</span>
    </a>
  );
}
