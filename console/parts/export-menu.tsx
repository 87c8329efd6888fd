import { useId, useRef } from "react";
import { downloadWithProof } from "../api/download.ts";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { placePopover } from "./place-popover.ts";
import popover from "./popover.module.css";
import { showToast } from "./toast.tsx";
import styles from "./export-menu.module.css";

interface ExportMenuProps {
  /** The list of the API, with an address for its export. */
  list: "analytics" | "audit" | "deliveries" | "notifications" | "recipients";
  /** The parameters with which the list is read. */
  query: Readonly<Record<string, string | undefined>>;
  /** Why the list cannot be exported as it is shown. */
  refusal?: string | undefined;
}

const formats = [
  { format: "csv", name: "CSV", whatFor: "for spreadsheets" },
  { format: "ndjson", name: "NDJSON", whatFor: "with every field" },
] as const;

/** Downloads everything that the filters match, not only this page. The download is in the audit trail. */
export function ExportMenu({ list, query, refusal }: ExportMenuProps) {
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  return (
    <>
      <Button
        icon="down"
        popoverTarget={refusal === undefined ? id : undefined}
        aria-disabled={refusal !== undefined || undefined}
        title={refusal}
        onClick={({ currentTarget }) => {
          // A touch screen shows no title.
          if (refusal !== undefined) return showToast(refusal, { icon: "warning" });
          placePopover(currentTarget, menu.current!, "right");
        }}
      >
        Export
      </Button>
      <div
        ref={menu}
        id={id}
        popover="auto"
        className={`${popover.popover} ${popover.list} ${popover.entries}`}
        role="group"
        aria-label="Export"
      >
        {formats.map(({ format, name, whatFor }) => (
          <a
            key={format}
            href={exportUrl(list, query, format)}
            download
            onClick={(event) => {
              event.preventDefault();
              menu.current?.hidePopover();
              downloadWithProof(event.currentTarget.href).catch((error: Error) =>
                showToast(`Nothing was exported: ${error.message}`, { icon: "warning" }),
              );
            }}
          >
            <Icon name="down" size={14} />
            <span>
              {name} <span className="muted">{whatFor}</span>
            </span>
          </a>
        ))}
        <p className={styles.note}>All that the filters match. The audit trail records it.</p>
      </div>
    </>
  );
}

/** The address of the export of what the filters of a list match. An export has no pages and no order. */
function exportUrl(list: string, listQuery: ExportMenuProps["query"], format: string): string {
  const { sort: _, cursor: __, ...filters } = listQuery;
  const query = new URLSearchParams({ format });
  for (const [name, value] of Object.entries(filters))
    if (value !== undefined) query.set(name, value);
  return `/v1/${list}/export?${query.toString()}`;
}
