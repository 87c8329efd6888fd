import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { AuditedResource } from "../parts/audited-resource.tsx";
import { Button } from "../parts/button.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts } from "../parts/page.tsx";
import { CopyButton, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { toWords } from "../words/statuses.ts";
import type { AuditEntry } from "./queries.ts";
import { canUndo, undoChange } from "./undo.ts";
import styles from "./entry-details.module.css";

/** What an entry changed, field by field, and where it came from. */
export function EntryDetails({ entry }: { entry: AuditEntry }) {
  const { id, action, resource, requestId, address, createdAt, before, after } = entry;
  return (
    <div className={styles.details}>
      <Changes before={before} after={after} />
      <Facts
        items={[
          ["Of", <AuditedResource key="of" action={action} resource={resource} />],
          ["When", <Instant key="at" at={createdAt} />],
          [
            "Request",
            <span key="request">
              <Link to="/audit" search={{ request: requestId }} className="mono">
                {requestId}
              </Link>
              <CopyButton text={requestId} label="Copy the request id" />
            </span>,
          ],
          ["From", address === null ? "not recorded" : <code key="address">{address}</code>],
          ["Entry", <code key="id">{id}</code>],
        ]}
      />
      {canUndo(entry) && <Undo entry={entry} />}
    </div>
  );
}

function Changes({ before, after }: Pick<AuditEntry, "before" | "after">) {
  const fields = Object.keys({ ...before, ...after });
  if (fields.length === 0)
    return <p className="muted">This kind of change has no fields, or they have been erased.</p>;
  return (
    <table className={styles.changes}>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {fields.map((field) => (
          <tr key={field}>
            <th scope="row">{toWords(field)}</th>
            <td data-side="before">
              <Value of={before} field={field} />
            </td>
            <td data-side="after">
              <Value of={after} field={field} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value({ of, field }: { of: AuditEntry["before"]; field: string }) {
  if (of === null || !(field in of)) return <span className="muted">—</span>;
  const value = of[field];
  return <code>{typeof value === "string" ? value : JSON.stringify(value, null, 1)}</code>;
}

function Undo({ entry }: { entry: AuditEntry }) {
  const client = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => undoChange(entry),
    onSuccess: (isDone) =>
      showToast(
        isDone
          ? "The change is undone. That is an entry of its own."
          : "Nothing was undone: these fields have been changed again since.",
        { icon: isDone ? "check" : "warning" },
      ),
    onSettled: () => client.invalidateQueries(),
  });
  return (
    <div className={styles.undo}>
      {error && <ProblemBanner error={error} />}
      <Button icon="retry" needs="sender" disabled={isPending} onClick={() => mutate()}>
        Undo this change
      </Button>
      <span className="muted">
        Sets these fields to what they were before, if nobody has changed them since.
      </span>
    </div>
  );
}
