import { useId, useRef } from "react";
import { downloadWithProof } from "../api/download.ts";
import { Icon } from "../parts/icon.tsx";
import { Button } from "../parts/button.tsx";
import { showToast } from "../parts/toast.tsx";
import { exportUrl } from "./queries.ts";
import type { DeliverySearch } from "./search.ts";
import styles from "./export-menu.module.css";

const formats = [
  { format: "csv", name: "CSV", what: "for spreadsheets" },
  { format: "ndjson", name: "NDJSON", what: "for programs, one delivery a line" },
] as const;

/** Downloads everything that the filters match, not only this page. The download is in the audit trail. */
export function ExportMenu({ search }: { search: DeliverySearch }) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  return (
    <>
      <Button
        icon="down"
        popoverTarget={id}
        onClick={({ currentTarget }) => {
          const { right, bottom } = currentTarget.getBoundingClientRect();
          list.current!.style.left = `${Math.max(8, right - 272)}px`;
          list.current!.style.top = `${bottom + 4}px`;
        }}
      >
        Export
      </Button>
      <div
        ref={list}
        id={id}
        popover="auto"
        className={styles.list}
        role="group"
        aria-label="Export"
      >
        {formats.map(({ format, name, what }) => (
          <a
            key={format}
            href={exportUrl(search, format)}
            download
            onClick={(event) => {
              event.preventDefault();
              list.current?.hidePopover();
              downloadWithProof(event.currentTarget.href).catch((error: Error) =>
                showToast(`Nothing was exported: ${error.message}`, { icon: "warning" }),
              );
            }}
          >
            <Icon name="down" size={14} />
            <span>
              {name} <span className="muted">{what}</span>
            </span>
          </a>
        ))}
        <p className="muted">All that the filters match. The audit trail records it.</p>
      </div>
    </>
  );
}
