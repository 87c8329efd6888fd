import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { type Priority, priorities } from "../../domain/priority.ts";
import { Button } from "../parts/button.tsx";
import { useNow } from "../parts/now.ts";
import { ProblemBanner } from "../parts/states.tsx";
import { formatFull } from "../words/instants.ts";
import { capitalise, priorityWords } from "../words/statuses.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { previewDecision } from "./actions.ts";
import { preferencesQuery, type Preview } from "./queries.ts";
import styles from "./what-if.module.css";

const stepMs = 900_000;

interface WhatIfProps {
  recipient: string;
  zone: string;
  /** The end of the time from which an instant is chosen. */
  until: string;
  preview: Preview | null;
  onPreview: (preview: Preview | null) => void;
}

/** Asks what would happen to a message that is sent at some time. Nothing is sent. */
export function WhatIf({ recipient, zone, until, preview, onPreview }: WhatIfProps) {
  const types = useQuery(preferencesQuery(recipient)).data?.types ?? [];
  const [opened] = useState(() => Math.ceil(Date.now() / stepMs) * stepMs);
  const [steps, setSteps] = useState(0);
  const [type, setType] = useState("");
  const [priority, setPriority] = useState<Priority | "">("");
  const [error, setError] = useState<unknown>(null);
  const id = useId();
  const now = useNow().getTime();
  const at = new Date(steps === 0 ? now : opened + (steps - 1) * stepMs).toISOString();
  const ask = async () => {
    setError(null);
    try {
      onPreview(
        await previewDecision({
          recipient,
          at,
          ...(type !== "" && { type }),
          ...(priority !== "" && { priority }),
        }),
      );
    } catch (failure) {
      onPreview(null);
      setError(failure);
    }
  };
  return (
    <div className={styles.question}>
      <form
        className={styles.form}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          void ask();
        }}
      >
        <label>
          If I sent
          <select value={type} onChange={({ target }) => setType(target.value)}>
            <option value="">a message without a type</option>
            {types.map(({ key, name }) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          with priority
          <select
            value={priority}
            onChange={({ target }) => setPriority(target.value as Priority | "")}
          >
            <option value="">the priority of the type</option>
            {priorities.map((each) => (
              <option key={each} value={each}>
                {priorityWords[each]}
              </option>
            ))}
          </select>
        </label>
        <label className={styles.when} htmlFor={id}>
          <span>
            at <strong>{steps === 0 ? "once" : formatFull(at, zone)}</strong>
          </span>
          <input
            id={id}
            type="range"
            min="0"
            max={Math.max(Math.floor((Date.parse(until) - opened) / stepMs), 1)}
            value={steps}
            aria-valuetext={steps === 0 ? "at once" : formatFull(at, zone)}
            onChange={({ target }) => setSteps(Number(target.value))}
          />
        </label>
        <Button type="submit" icon="question">
          What happens?
        </Button>
      </form>
      {error !== null && <ProblemBanner error={error} />}
      {preview && (
        <div className={styles.answer} role="status">
          <p>{preview.summary}</p>
          <ol>
            {[{ at: preview.at, decision: preview.decision }, ...preview.afterwards].map(
              ({ at: decidedAt, decision }) => (
                <li key={decidedAt}>
                  <span className="figures">{formatFull(decidedAt, zone)}</span>{" "}
                  <strong>{capitalise(decision.kind)}</strong>
                  {decision.reason !== null && `: ${wordsOfReason(decision.reason)}`}
                </li>
              ),
            )}
          </ol>
          <Button kind="quiet" icon="close" onClick={() => onPreview(null)}>
            Remove it from the picture
          </Button>
        </div>
      )}
    </div>
  );
}
