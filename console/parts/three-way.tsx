import { useState } from "react";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import type { Difference } from "./three-way-merge.ts";
import styles from "./three-way.module.css";

interface ThreeWayProps {
  differences: readonly Difference[];
  /** The name of a field, and its value in words. */
  nameOf: (field: string) => string;
  describe: (value: unknown, field: string) => string;
  /** Goes on with what was chosen for each field. */
  onMerge: (chosen: Record<string, "mine" | "theirs">) => void;
  onClose: () => void;
}

/** Compares what somebody edited with what somebody else has saved meanwhile, and lets them choose field by field. */
export function ThreeWay({ differences, nameOf, describe, onMerge, onClose }: ThreeWayProps) {
  const [chosen, setChosen] = useState<Record<string, "mine" | "theirs">>(() =>
    Object.fromEntries(
      differences.flatMap(({ field, by }) => (by === "both" ? [] : [[field, by] as const])),
    ),
  );
  const open = differences.filter(({ field }) => chosen[field] === undefined).length;
  return (
    <Dialog
      title="Somebody else has changed it"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Decide later</Button>
          <Button kind="primary" disabled={open > 0} onClick={() => onMerge(chosen)}>
            {open > 0 ? `Choose ${open} more` : "Go on with this"}
          </Button>
        </>
      }
    >
      <p>
        Nothing of yours is lost. Choose for each field what is to be kept: fields that only one of
        you changed are chosen already.
      </p>
      {differences.length === 0 && <p>Both of you made the same changes.</p>}
      {differences.map(({ field, base, mine, theirs, by }) => (
        <fieldset key={field} className={styles.field}>
          <legend>
            {nameOf(field)}
            {by === "both" && <span className={styles.both}> changed by both</span>}
          </legend>
          <p className="muted">
            Before: <span className={styles.value}>{describe(base, field)}</span>
          </p>
          {(["mine", "theirs"] as const).map((side) => (
            <label key={side} className={styles.side}>
              <input
                type="radio"
                name={`three-way-${field}`}
                checked={chosen[field] === side}
                onChange={() => setChosen({ ...chosen, [field]: side })}
              />
              <span>
                {side === "mine" ? "Mine" : "Theirs"}
                {by === side && <span className="muted"> (changed)</span>}
              </span>
              <span className={styles.value}>
                {describe(side === "mine" ? mine : theirs, field)}
              </span>
            </label>
          ))}
        </fieldset>
      ))}
    </Dialog>
  );
}
