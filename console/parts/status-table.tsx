import { Link } from "@tanstack/react-router";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { formatCount, formatShare } from "../words/numbers.ts";
import { statusMeanings } from "../words/statuses.ts";
import { listCounts } from "./stacked-bar.tsx";
import { StatusChip } from "./status-chip.tsx";
import table from "./table.module.css";

interface StatusTableProps {
  counts: Readonly<Record<DeliveryStatus, number>>;
  /** The campaign or notification of the deliveries: cmp_… or ntf_… */
  source: string;
}

/** How many deliveries of a source have each status. Each number is a link to its rows. */
export function StatusTable({ counts, source }: StatusTableProps) {
  const parts = listCounts(counts);
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th>Status</th>
          <th className={table.wide}>Meaning</th>
          <th className={table.number}>Deliveries</th>
          <th className={table.number}>Share</th>
        </tr>
      </thead>
      <tbody>
        {parts.map(([status, count]) => (
          <tr key={status}>
            <td>
              <StatusChip status={status} />
            </td>
            <td className={`muted ${table.wide}`}>{statusMeanings[status]}</td>
            <td className={table.number}>
              <Link to="/deliveries" search={{ source, status: [status] }}>
                {formatCount(count)}
              </Link>
            </td>
            <td className={table.number}>{formatShare(count / total)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
