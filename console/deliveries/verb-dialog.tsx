import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useRef, useState } from "react";
import { priorities, type Priority } from "../../domain/priority.ts";
import { Button } from "../parts/button.tsx";
import { useConfirmNumber } from "../parts/confirm-number.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check } from "../parts/form.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { priorityWords } from "../words/statuses.ts";
import type { DeliverySearch } from "./search.ts";
import {
  changeDeliveries,
  countMatching,
  skipWords,
  type Verb,
  type VerbOptions,
  verbWords,
} from "./verbs.ts";
import styles from "./verb-dialog.module.css";

/** What a verb is applied to: these deliveries, or all that match the filters. */
export type Target = { ids: string[] } | { where: DeliverySearch };

interface VerbDialogProps {
  verb: Verb;
  target: Target;
  onClose: () => void;
  onDone: () => void;
}

/** Counts what a change would affect, asks whether to do it, does it, and says what was done. */
export function VerbDialog({ verb, target, onClose, onDone }: VerbDialogProps) {
  const { on, past, effect } = verbWords[verb];
  // The change selects what was counted: later deliveries that match the same filters are left alone.
  const [countedAt] = useState(() => new Date().toISOString());
  const selected = "ids" in target ? target : { where: target.where, countedAt };
  const [options, setOptions] = useState<VerbOptions>({ includeUnknown: false, priority: "high" });
  const priorityField = useId();
  const [changed, setChanged] = useState(0);
  const stopped = useRef(false);
  const client = useQueryClient();

  const count = useQuery({
    queryKey: ["dry-run", verb, selected, options.includeUnknown],
    queryFn: () => countMatching(verb, selected, options),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const change = useMutation({
    mutationFn: async () => {
      const skipped: Record<string, number> = {};
      let [done, cursor] = [0, null as string | null];
      do {
        const progress = await changeDeliveries(verb, selected, options, cursor);
        done += progress.changed;
        setChanged(done);
        for (const [reason, skips] of Object.entries(progress.skipped))
          skipped[reason] = (skipped[reason] ?? 0) + skips;
        cursor = progress.nextCursor;
      } while (cursor !== null && !stopped.current);
      return { done, skipped, isComplete: cursor === null };
    },
    onSettled: () => client.invalidateQueries(),
    onSuccess: ({ done, skipped, isComplete }) => {
      const skips = Object.entries(skipped).filter(([, skips]) => skips > 0);
      const rest = skips.map(
        ([reason, skips]) => `${formatCount(skips)} ${skipWords[reason] ?? reason}`,
      );
      showToast(
        `${formatNoun(done, "delivery", "deliveries")} ${past}.${rest.length > 0 ? ` Unchanged: ${rest.join(", ")}.` : ""}${isComplete ? "" : " Stopped before the end."}`,
      );
      onDone();
    },
  });
  const matched = count.data;
  const confirmation = useConfirmNumber(matched);
  const named = "ids" in target ? target.ids.length : null;
  return (
    <Dialog
      title={on(
        named === null
          ? "all deliveries that match the filters"
          : formatNoun(named, "delivery", "deliveries"),
      )}
      onClose={() => {
        stopped.current = true;
        onClose();
      }}
      footer={
        <>
          <Button
            onClick={() => {
              stopped.current = true;
              onClose();
            }}
          >
            {change.isPending ? "Stop" : "Keep as they are"}
          </Button>
          <Button
            kind={verb === "cancel" ? "danger" : "primary"}
            needs="sender"
            disabled={!matched || !confirmation.isConfirmed || change.isPending}
            onClick={() => change.mutate()}
          >
            {change.isPending
              ? `${formatCount(changed)} done…`
              : on(formatNoun(matched ?? 0, "delivery", "deliveries"))}
          </Button>
        </>
      }
    >
      <p>{effect}</p>
      {count.isPending && <Loading what="the number of deliveries" rows={1} />}
      {count.error && <ProblemBanner error={count.error} retry={() => void count.refetch()} />}
      {matched !== undefined && (
        <p role="status" className={styles.count}>
          <strong className="figures">{formatCount(matched)}</strong>{" "}
          {named === null
            ? "of the matching deliveries can be changed in this way."
            : `of ${formatCount(named)} can be changed in this way.`}
        </p>
      )}
      {verb === "reprioritise" && (
        <label className={styles.priority} htmlFor={priorityField}>
          New priority
          <select
            id={priorityField}
            value={options.priority}
            disabled={change.isPending}
            onChange={({ target: field }) =>
              setOptions({ ...options, priority: field.value as Priority })
            }
          >
            {priorities.map((priority) => (
              <option key={priority} value={priority}>
                {priorityWords[priority]}
              </option>
            ))}
          </select>
        </label>
      )}
      {verb === "retry" && (
        <Check
          checked={options.includeUnknown}
          disabled={change.isPending}
          onChange={({ target: box }) => setOptions({ ...options, includeUnknown: box.checked })}
        >
          Also those whose outcome is unknown
          <span className="muted"> – they may have arrived, so recipients may get them twice</span>
        </Check>
      )}
      {confirmation.field}
      {change.isPending && matched !== undefined && (
        <progress className={styles.progress} max={matched} value={changed} aria-label="Progress" />
      )}
      {change.error && <ProblemBanner error={change.error} />}
    </Dialog>
  );
}
