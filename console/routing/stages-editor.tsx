import type { Channel } from "../../domain/channel.ts";
import { Button, IconButton } from "../parts/button.tsx";
import { channelWords } from "../words/statuses.ts";
import type { Stage } from "./draft.ts";
import styles from "./editor.module.css";

/** The channels that stages can name, how many stages a route has at most, and how far a message can have come: as the API has them. */
const stageChannels: readonly Channel[] = ["email", "push", "in_app"];
const mostStages = 4;
const levels = ["sent", "delivered", "seen", "read", "acted"];

interface StagesEditorProps {
  stages: readonly Stage[];
  onChange: (stages: Stage[]) => void;
  fault: string | undefined;
}

/** Edits the stages of a route: the channels of each in their order, and when it begins. */
export function StagesEditor({ stages, onChange, fault }: StagesEditorProps) {
  return (
    <fieldset className={styles.group}>
      <legend>Route</legend>
      <ol className={styles.list}>
        {stages.map((stage, index) => (
          // Stages have no identity of their own.
          // oxlint-disable-next-line react/no-array-index-key
          <li key={index} className={styles.row}>
            <StageFields
              stage={stage}
              number={index + 1}
              onChange={(next) => onChange(stages.with(index, next))}
            />
            <IconButton
              icon="close"
              label={`Remove stage ${index + 1}`}
              disabled={stages.length === 1}
              onClick={() => onChange(withFirstAtOnce(stages.toSpliced(index, 1)))}
            />
          </li>
        ))}
      </ol>
      <div>
        <Button
          disabled={stages.length >= mostStages}
          onClick={() =>
            onChange([...stages, { via: ["email"], after: { minutes: 10, unless: "read" } }])
          }
        >
          Add a stage
        </Button>
      </div>
      {fault !== undefined && (
        <p role="alert" className={styles.fault}>
          {fault}
        </p>
      )}
    </fieldset>
  );
}

/** The first stage always begins at once. */
const withFirstAtOnce = ([first, ...others]: Stage[]): Stage[] =>
  first ? [{ via: first.via }, ...others] : others;

function StageFields({
  stage,
  number,
  onChange,
}: {
  stage: Stage;
  number: number;
  onChange: (stage: Stage) => void;
}) {
  const { via, after } = stage;
  const named = via === "preferred" ? [] : via;
  const others = (except: readonly Channel[]) =>
    stageChannels.filter((channel) => !except.includes(channel));
  const label = (part: string) => ({ "aria-label": `Stage ${number}: ${part}` });
  // One field for each channel, and one more for a further channel.
  const places = Math.min(named.length + 1, stageChannels.length);
  return (
    <>
      <strong>{number}.</strong>
      <select
        {...label("first channel")}
        value={via === "preferred" ? "preferred" : named[0]}
        onChange={({ target }) =>
          onChange({
            ...stage,
            via:
              target.value === "preferred"
                ? "preferred"
                : [
                    target.value as Channel,
                    ...named.slice(1).filter((each) => each !== target.value),
                  ],
          })
        }
      >
        {stageChannels.map((channel) => (
          <option key={channel} value={channel}>
            {channelWords[channel]}
          </option>
        ))}
        <option value="preferred">the recipient’s order</option>
      </select>
      {via !== "preferred" &&
        Array.from({ length: places - 1 }, (_, index) => index + 1).map((place) => (
          <select
            key={place}
            {...label(`channel ${place + 1}`)}
            value={named[place] ?? ""}
            onChange={({ target }) =>
              onChange({
                ...stage,
                via: [
                  ...named.slice(0, place),
                  ...(target.value === "" ? [] : [target.value as Channel]),
                  ...named.slice(place + 1).filter((each) => each !== target.value),
                ],
              })
            }
          >
            <option value="">no other</option>
            {others(named.slice(0, place)).map((channel) => (
              <option key={channel} value={channel}>
                else {channelWords[channel]}
              </option>
            ))}
          </select>
        ))}
      {number > 1 && (
        <select
          {...label("begins")}
          value={after ? "later" : "at once"}
          onChange={({ target }) =>
            onChange(
              target.value === "later" ? { via, after: { minutes: 10, unless: "read" } } : { via },
            )
          }
        >
          <option value="at once">at once</option>
          <option value="later">later</option>
        </select>
      )}
      {after && (
        <>
          after
          <input
            {...label("minutes")}
            type="number"
            min={1}
            value={after.minutes}
            onChange={({ target }) =>
              onChange({ via, after: { ...after, minutes: target.valueAsNumber } })
            }
          />
          minutes, unless
          <select
            {...label("unless")}
            value={after.unless}
            onChange={({ target }) => onChange({ via, after: { ...after, unless: target.value } })}
          >
            {levels.map((level) => (
              <option key={level} value={level}>
                {level}
              </option>
            ))}
          </select>
        </>
      )}
    </>
  );
}
