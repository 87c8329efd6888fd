import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type Reason } from "../../domain/delivery/reasons.ts";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { formatCount } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { failuresQuery } from "./queries.ts";
import styles from "./failures.module.css";

/** What failed in the last hour, by reason, the most frequent first. */
export function Failures() {
  const { data, error, refetch } = useQuery(failuresQuery);
  return (
    <Panel
      title="Failures of the last hour"
      isFlush
      aside={data && <span className="muted figures">{formatCount(data.total)}</span>}
    >
      {data ? (
        data.total === 0 ? (
          <Empty icon="check" title="Nothing has failed">
            A delivery that a provider refuses for good, or that has used up its attempts, is
            counted here.
          </Empty>
        ) : (
          <ul className={styles.list}>
            {data.series.map(({ key: { reason }, total }) => (
              <li key={reason}>
                <Link
                  to="/deliveries"
                  search={{
                    status: ["failed"],
                    ...(typeof reason === "string" && { reason: [reason as Reason] }),
                  }}
                >
                  {typeof reason === "string" ? wordsOfReason(reason) : "No reason"}
                </Link>
                <span
                  className={styles.bar}
                  style={{ width: `${(100 * total) / data.series[0]!.total}%` }}
                />
                <span className="figures">{formatCount(total)}</span>
              </li>
            ))}
          </ul>
        )
      ) : error ? (
        <Failed what="the failures" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the failures" rows={2} />
      )}
    </Panel>
  );
}
