import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { CampaignChip } from "../campaigns/status.tsx";
import { Button } from "../parts/button.tsx";
import { useZone } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { ThreeWay } from "../parts/three-way.tsx";
import { findDifferences, mergeFields } from "../parts/three-way-merge.ts";
import { formatShort } from "../words/instants.ts";
import { ApplyDialog } from "./apply-dialog.tsx";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { type Draft, draftOf, isSame } from "./draft.ts";
import { describeField, fieldNames } from "./field-words.ts";
import { LaunchDialog } from "./launch-dialog.tsx";
import type { FoundProblem } from "./problems.ts";
import { goToSection } from "./section.tsx";
import type { Conflict } from "./use-builder.ts";

interface BuilderBarProps {
  problems: readonly FoundProblem[];
  /** Somebody wanted to start the campaign although something is missing. */
  onRefused: () => void;
}

/** Where the draft is saved, and the button that starts the campaign or applies the changes. */
export function BuilderBar({ problems, onRefused }: BuilderBarProps) {
  const { stored, savesItself, draft, isDirty, conflict, resolve } = useParts();
  const [isAsking, setAsking] = useState(false);
  const [decidesLater, setDecidesLater] = useState<Conflict | null>(null);
  const isLater = draft.timing.kind === "at";
  const ask = () => {
    if (problems.length === 0) return setAsking(true);
    onRefused();
    goToSection("review");
  };
  return (
    <>
      <SaveState />
      {stored && (
        <Link to="/campaigns/$id" params={{ id: stored.campaign.id }}>
          <CampaignChip status={stored.campaign.status} />
        </Link>
      )}
      {conflict ? (
        <Button kind="primary" onClick={() => setDecidesLater(null)}>
          Compare both versions
        </Button>
      ) : savesItself ? (
        <Button kind="primary" icon={isLater ? "clock" : "play"} needs="sender" onClick={ask}>
          {isLater ? "Schedule…" : "Start…"}
        </Button>
      ) : (
        <Button kind="primary" needs="sender" disabled={!isDirty} onClick={ask}>
          Apply the changes…
        </Button>
      )}
      {isAsking &&
        !conflict &&
        (savesItself ? (
          <LaunchDialog onClose={() => setAsking(false)} />
        ) : (
          <ApplyDialog onClose={() => setAsking(false)} />
        ))}
      {conflict && conflict !== decidesLater && (
        <Comparison
          conflict={conflict}
          mine={draft}
          onMerge={(merged) => {
            setAsking(false);
            resolve(merged, conflict.theirs);
          }}
          onClose={() => setDecidesLater(conflict)}
        />
      )}
    </>
  );
}

/** Says where the latest changes are. */
function SaveState() {
  const { stored, isSaving, isDirty, isEdited, savedAt, conflict, saveError } = useParts();
  const [zone, now] = [useZone(), useNow()];
  const text = conflict
    ? "Somebody else has changed the campaign"
    : isSaving
      ? "Saving…"
      : saveError !== null
        ? "Not saved: see the problems"
        : isDirty
          ? isEdited
            ? "Kept in this browser"
            : ""
          : savedAt
            ? `Saved ${formatShort(savedAt.toISOString(), zone, now)}`
            : stored
              ? "Saved"
              : "";
  return (
    <span className={styles.saveState} role="status">
      {text}
    </span>
  );
}

interface ComparisonProps {
  conflict: Conflict;
  mine: Draft;
  onMerge: (merged: Draft) => void;
  onClose: () => void;
}

function Comparison({ conflict: { base, theirs }, mine, onMerge, onClose }: ComparisonProps) {
  const zone = useZone();
  const differences = findDifferences(
    { ...draftOf(base.campaign, zone) },
    { ...mine },
    { ...draftOf(theirs.campaign, zone) },
    isSame,
  );
  return (
    <ThreeWay
      differences={differences}
      nameOf={(field) => fieldNames[field] ?? field}
      describe={describeField}
      onClose={onClose}
      onMerge={(chosen) => {
        const merged = mergeFields({ ...mine }, differences, chosen);
        if (merged) onMerge(merged);
      }}
    />
  );
}
