import type { UseQueryResult } from "@tanstack/react-query";
import { Link, type LinkProps } from "@tanstack/react-router";
import type { Health } from "../health/queries.ts";
import { HealthChip } from "./health-word.tsx";
import styles from "./stat-card.module.css";

interface StatCardProps<Data> {
  name: string;
  /** Where the rows behind the figure are. */
  link: LinkProps;
  query: UseQueryResult<Data>;
  value: (data: Data) => string;
  /** What the figure means, or consists of. */
  note: (data: Data) => string;
  /** How the thresholds of the policy rate the figure. */
  word?: Health["word"] | undefined;
}

/** One figure, which is a link to what it counts. */
export function StatCard<Data>({ name, link, query, value, note, word }: StatCardProps<Data>) {
  const { data, error } = query;
  return (
    <Link {...link} className={styles.card}>
      <span className={styles.name}>
        {name}
        {word !== undefined && word !== "good" && <HealthChip word={word} />}
      </span>
      <span className={styles.value}>{data ? value(data) : error ? "?" : " "}</span>
      <span className={styles.note}>
        {data ? note(data) : error ? "Could not be read" : "Loading…"}
      </span>
    </Link>
  );
}
