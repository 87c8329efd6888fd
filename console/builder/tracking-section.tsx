import { Field } from "../parts/form.tsx";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { type DraftUtm, emptyUtm } from "./draft.ts";
import { Section } from "./section.tsx";

const parameters: readonly (readonly [keyof DraftUtm, string, string])[] = [
  ["source", "Source", "newsletter"],
  ["medium", "Medium", "email"],
  ["campaign", "Campaign", "spring-sale"],
  ["content", "Content", ""],
  ["term", "Term", ""],
];

/** What is tracked of the emails, and the parameters of their links. */
export function TrackingSection() {
  const { draft, update, faultOf } = useParts();
  const { tracking, utm } = draft;
  const isOwn = tracking !== null;
  const own = tracking ?? { opens: false, clicks: false };
  return (
    <Section id="tracking">
      <div className={styles.columns}>
        <div className={styles.stack}>
          <fieldset className={styles.choices}>
            <legend>Opens and clicks of emails</legend>
            <label>
              <input
                type="radio"
                name="tracking"
                checked={!isOwn}
                onChange={() => update({ tracking: null })}
              />
              As the notification type says; nothing without a type
            </label>
            <label>
              <input
                type="radio"
                name="tracking"
                checked={isOwn}
                onChange={() => update({ tracking: own })}
              />
              For this campaign
            </label>
          </fieldset>
          {isOwn && (
            <fieldset className={styles.choices}>
              <legend>Tracked in this campaign</legend>
              <label>
                <input
                  type="checkbox"
                  checked={own.opens}
                  onChange={({ target }) => update({ tracking: { ...own, opens: target.checked } })}
                />
                Whether an email was opened
              </label>
              <label>
                <input
                  type="checkbox"
                  checked={own.clicks}
                  onChange={({ target }) =>
                    update({ tracking: { ...own, clicks: target.checked } })
                  }
                />
                Which links were followed
              </label>
            </fieldset>
          )}
          <p className="muted">
            Recipients can refuse it. Of critical messages and mandatory types, clicks are tracked
            at most.
          </p>
        </div>
        <div className={styles.stack}>
          <fieldset className={styles.choices}>
            <legend>Links</legend>
            <label>
              <input
                type="checkbox"
                checked={utm !== null}
                onChange={({ target }) => update({ utm: target.checked ? emptyUtm : null })}
              />
              Add UTM parameters, by which web analytics recognise the campaign
            </label>
          </fieldset>
          {utm !== null &&
            parameters.map(([name, label, example]) => (
              <Field
                key={name}
                label={`${label} (utm_${name})`}
                hint={example === "" ? "May be empty." : `Such as ${example}`}
                error={faultOf(`/utm/${name}`)}
              >
                {(control) => (
                  <input
                    {...control}
                    autoComplete="off"
                    value={utm[name]}
                    onChange={({ target }) => update({ utm: { ...utm, [name]: target.value } })}
                  />
                )}
              </Field>
            ))}
        </div>
      </div>
    </Section>
  );
}
