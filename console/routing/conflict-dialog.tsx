import { useQuery } from "@tanstack/react-query";
import { Dialog } from "../parts/dialog.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { ThreeWay } from "../parts/three-way.tsx";
import { findDifferences, mergeFields } from "../parts/three-way-merge.ts";
import { toWords } from "../words/statuses.ts";
import { type Draft, draftOf, isSame } from "./draft.ts";
import { type Rule, ruleQuery } from "./queries.ts";
import { describeField } from "./words.ts";

interface ConflictDialogProps {
  ruleKey: string;
  base: Draft;
  mine: Draft;
  onClose: () => void;
  /** Continues on the version of the other person, with these values. */
  onContinue: (theirs: Rule, draft: Draft) => void;
}

/** Somebody has saved the rule meanwhile: both changes are compared, and this person chooses what to go on with. */
export function ConflictDialog({ ruleKey, base, mine, onClose, onContinue }: ConflictDialogProps) {
  const { data, error, refetch } = useQuery({
    ...ruleQuery(ruleKey),
    staleTime: 0,
    gcTime: 0,
    queryKey: ["routing-rules", ruleKey, "conflict"],
  });
  if (!data)
    return (
      <Dialog title="Somebody else has changed it" onClose={onClose}>
        {error ? (
          <Failed what="their version" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="their version" />
        )}
      </Dialog>
    );
  const differences = findDifferences({ ...base }, { ...mine }, { ...draftOf(data) }, isSame);
  return (
    <ThreeWay
      differences={differences}
      nameOf={toWords}
      describe={describeField}
      onClose={onClose}
      onMerge={(chosen) => {
        const merged = mergeFields({ ...mine }, differences, chosen);
        if (merged) onContinue(data, merged);
      }}
    />
  );
}
