import { useQuery } from "@tanstack/react-query";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { toWords } from "../words/statuses.ts";
import { DiffView } from "./diff-view.tsx";
import { type Draft, draftOf, mergeDrafts } from "./draft.ts";
import { type Rule, ruleQuery } from "./queries.ts";

interface ConflictDialogProps {
  ruleKey: string;
  base: Draft;
  mine: Draft;
  onClose: () => void;
  /** Continues on the version of the other person, with these values. */
  onContinue: (theirs: Rule, draft: Draft) => void;
}

/** Somebody has saved the rule meanwhile: shows what they and what this person have changed, and lets both continue. */
export function ConflictDialog({ ruleKey, base, mine, onClose, onContinue }: ConflictDialogProps) {
  const { data, error, refetch } = useQuery({
    ...ruleQuery(ruleKey),
    staleTime: 0,
    gcTime: 0,
    queryKey: ["routing-rules", ruleKey, "conflict"],
  });
  const theirs = data && draftOf(data);
  const { merged, conflicts } = theirs
    ? mergeDrafts({ base, mine, theirs })
    : { merged: mine, conflicts: [] };
  return (
    <Dialog
      title="Somebody has changed this rule"
      onClose={onClose}
      footer={
        <>
          <Button disabled={!data} onClick={() => onContinue(data!, theirs!)}>
            Take theirs
          </Button>
          <Button kind="primary" disabled={!data} onClick={() => onContinue(data!, merged)}>
            {conflicts.length > 0 ? "Keep mine in these fields" : "Keep both changes"}
          </Button>
        </>
      }
    >
      {theirs ? (
        <>
          <p>
            Nothing was saved.{" "}
            {conflicts.length > 0
              ? `You have both changed: ${conflicts.map((field) => toWords(field).toLowerCase()).join(", ")}.`
              : "You have changed different fields, so both changes fit together."}{" "}
            You can look at the result before you save it.
          </p>
          <h3>Theirs, version {data.version}</h3>
          <DiffView before={base} after={theirs} label="Their changes" />
          <h3>Yours</h3>
          <DiffView before={base} after={mine} label="Your changes" />
        </>
      ) : error ? (
        <Failed what="their version" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="their version" />
      )}
    </Dialog>
  );
}
