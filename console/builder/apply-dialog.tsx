import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Button } from "../parts/button.tsx";
import { useConfirmNumber } from "../parts/confirm-number.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Facts } from "../parts/page.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { describeField, fieldNames } from "./field-words.ts";
import { type EditPreview, previewEdit } from "./queries.ts";

/** Shows what an edit of a campaign that is scheduled or runs would change and whom it would affect, and applies it. */
export function ApplyDialog({ onClose }: { onClose: () => void }) {
  const { stored, change, save, saveError, forget } = useParts();
  const client = useQueryClient();
  const navigate = useNavigate();
  const id = stored!.campaign.id;
  const preview = useQuery({
    queryKey: ["edit-preview", id, change],
    queryFn: () => previewEdit(id, change!),
    retry: false,
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const newMessage = preview.data?.impact.newMessage ?? 0;
  const confirmation = useConfirmNumber(preview.data ? newMessage : undefined);
  const apply = useMutation({
    mutationFn: save,
    onSuccess: async (saved) => {
      // A conflict, or what the API refused, is shown.
      if (saved === null) return;
      await forget();
      await client.invalidateQueries();
      showToast("The campaign is changed.");
      void navigate({ to: "/campaigns/$id", params: { id } });
    },
  });
  const shownError = preview.error ?? (saveError as Error | null);
  return (
    <Dialog
      title="Apply the changes"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Not yet</Button>
          <Button
            kind="primary"
            needs="sender"
            disabled={!preview.data || apply.isPending || !confirmation.isConfirmed}
            onClick={() => apply.mutate()}
          >
            {apply.isPending
              ? "Waiting for the workers…"
              : newMessage > 0
                ? `Apply to ${formatNoun(newMessage, "message")}`
                : "Apply"}
          </Button>
        </>
      }
    >
      <div className={styles.stack}>
        {preview.data ? (
          <>
            <Changes changes={preview.data.changes} />
            <Impact impact={preview.data.impact} />
          </>
        ) : (
          preview.isFetching && <Loading what="what would change" rows={4} />
        )}
        {confirmation.field}
        {shownError && <ProblemBanner error={shownError} />}
      </div>
    </Dialog>
  );
}

function Changes({ changes }: Pick<EditPreview, "changes">) {
  const edits = Object.entries(changes).filter(([field]) => field !== "revision");
  if (edits.length === 0) return <p>Nothing would change.</p>;
  return (
    <Facts
      items={edits.map(([field, { from, to }]) => [
        fieldNames[field] ?? field,
        <span key={field}>
          <del className="muted">{describeField(from)}</del> → {describeField(to)}
        </span>,
      ])}
    />
  );
}

function Impact({ impact }: Pick<EditPreview, "impact">) {
  const { newMessage, alreadySent, sending, unknown, ended } = impact;
  if (newMessage === null)
    return <p>Its audience is not frozen yet: everybody gets the new message.</p>;
  return (
    <>
      <h3>Who gets what</h3>
      <Facts
        items={[
          ["New message", `${formatCount(newMessage)} that wait`],
          ["Old message", `${formatCount(alreadySent)} that were sent`],
          ["Being sent", `${formatCount(sending)}, with the old message`],
          ["Unknown", unknown > 0 ? `${formatCount(unknown)} that may have the old message` : null],
          ["Ended otherwise", ended > 0 ? formatCount(ended) : null],
        ]}
      />
    </>
  );
}
