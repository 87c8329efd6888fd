import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { AuditedResource } from "../parts/audited-resource.tsx";
import { ChangeList } from "../parts/change-list.tsx";
import { listChanges } from "../parts/changes.ts";
import { Button } from "../parts/button.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts } from "../parts/page.tsx";
import { CopyButton, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
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
  const changes = listChanges(before ?? undefined, after ?? undefined);
  return changes.length === 0 ? (
    <p className="muted">This kind of change has no fields, or they have been erased.</p>
  ) : (
    <ChangeList changes={changes} />
  );
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
