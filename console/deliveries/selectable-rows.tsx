import { useState } from "react";
import { formatCount } from "../words/numbers.ts";
import { DeliveryTable } from "./delivery-table.tsx";
import type { Delivery } from "./queries.ts";
import { columns, countFilters, type DeliverySearch } from "./search.ts";
import { useSelection } from "../parts/selection.ts";
import { DeliverySelectionBar } from "./delivery-selection-bar.tsx";
import { reconcile } from "./shown-rows.ts";
import { type Target, VerbDialog } from "./verb-dialog.tsx";
import type { Verb } from "./verbs.ts";
import styles from "./selectable-rows.module.css";

interface SelectableRowsProps {
  /** The filters of the list, which a change of all that match is sent with. */
  search: DeliverySearch;
  items: Delivery[];
  /** Whether the rows are those of the previous filters, while the new ones are read. */
  isStale: boolean;
}

/** One page of deliveries, with a selection and what can be done with it. Render it with a `key` that names the page. */
export function SelectableRows({ search, items, isStale }: SelectableRowsProps) {
  const [shown, show] = useState(items);
  const { rows, fresh } = reconcile(shown, items);
  const selection = useSelection(rows.map(({ row }) => row.id));
  const [verb, setVerb] = useState<{ verb: Verb; target: Target } | null>(null);
  const ids = [...selection.ids];
  return (
    <>
      {fresh > 0 && !isStale && (
        <button type="button" className={styles.fresh} onClick={() => show(items)}>
          {formatCount(fresh)} new. Show {fresh === 1 ? "it" : "them"}
        </button>
      )}
      {ids.length > 0 && (
        <DeliverySelectionBar
          count={ids.length}
          hasFilters={countFilters(search) > 0}
          onClear={selection.clear}
          onVerb={(chosen, isAll) =>
            setVerb({ verb: chosen, target: isAll ? { where: search } : { ids } })
          }
        />
      )}
      <DeliveryTable
        rows={rows}
        columns={search.columns ?? columns}
        selection={selection}
        isStale={isStale}
        onVerb={(chosen, id) =>
          setVerb({ verb: chosen, target: { ids: ids.length > 0 ? ids : [id] } })
        }
      />
      {verb && (
        <VerbDialog
          {...verb}
          onClose={() => setVerb(null)}
          onDone={() => {
            setVerb(null);
            selection.clear();
          }}
        />
      )}
    </>
  );
}
