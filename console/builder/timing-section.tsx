import { Field, Fields } from "../parts/form.tsx";
import { useZone } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { guarantees, guaranteeWords } from "../words/guarantees.ts";
import { formatFull } from "../words/instants.ts";
import { formatCount } from "../words/numbers.ts";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { startOf, type Timing } from "./draft.ts";
import { afterSkipped, allZones, instantsOf, isZone } from "./local-time.ts";
import { Section } from "./section.tsx";

/** When the campaign begins, how fast it is, and what happens to messages whose outcome is not known. */
export function TimingSection() {
  const { draft, update, faultOf } = useParts();
  const zone = useZone();
  const { timing, throttle, guarantee } = draft;
  const perSecond = Number(throttle);
  return (
    <Section id="timing">
      <div className={styles.columns}>
        <div className={styles.stack}>
          <fieldset className={styles.choices}>
            <legend>It begins</legend>
            <label>
              <input
                type="radio"
                name="timing"
                checked={timing.kind === "now"}
                onChange={() => update({ timing: { kind: "now" } })}
              />
              As soon as you start it
            </label>
            <label>
              <input
                type="radio"
                name="timing"
                checked={timing.kind === "at"}
                onChange={() =>
                  update({
                    timing: { kind: "at", local: "", zone, isSecond: false },
                  })
                }
              />
              At a time
            </label>
          </fieldset>
          {timing.kind === "at" && <StartTime timing={timing} fault={faultOf("/startAt")} />}
        </div>
        <Fields>
          <Field
            label="At most (messages per second)"
            hint={
              perSecond > 0
                ? `That is ${formatCount(Math.round(perSecond * 3_600))} an hour, over all workers.`
                : "Empty for no limit of its own."
            }
            error={faultOf("/throttle/perSecond") ?? faultOf("/throttle")}
          >
            {(control) => (
              <input
                {...control}
                inputMode="decimal"
                autoComplete="off"
                value={throttle}
                onChange={({ target }) => update({ throttle: target.value })}
              />
            )}
          </Field>
          <fieldset className={styles.choices}>
            <legend>If the outcome of a message is not known</legend>
            {guarantees.map((each) => (
              <label key={each}>
                <input
                  type="radio"
                  name="guarantee"
                  checked={guarantee === each}
                  onChange={() => update({ guarantee: each })}
                />
                <span>
                  {guaranteeWords[each].name}
                  <br />
                  <span className="muted">{guaranteeWords[each].meaning}</span>
                </span>
              </label>
            ))}
          </fieldset>
        </Fields>
      </div>
    </Section>
  );
}

function StartTime({
  timing,
  fault,
}: {
  timing: Extract<Timing, { kind: "at" }>;
  fault: string | undefined;
}) {
  const { update } = useParts();
  const now = useNow();
  const { local, zone, isSecond } = timing;
  const set = (change: Partial<typeof timing>) => update({ timing: { ...timing, ...change } });
  const isKnown = isZone(zone);
  const instants = isKnown ? instantsOf(zone, local) : [];
  const isSkipped = isKnown && local !== "" && instants.length === 0;
  const at = isKnown ? startOf(timing) : undefined;
  return (
    <div className={styles.stack}>
      <div className={styles.pair}>
        <Field label="Day and time" error={fault}>
          {(control) => (
            <input
              {...control}
              type="datetime-local"
              value={local}
              onChange={({ target }) => set({ local: target.value, isSecond: false })}
            />
          )}
        </Field>
        <Field
          label="By the clocks of"
          error={isKnown ? undefined : "This is not the name of a time zone."}
        >
          {(control) => (
            <>
              <input
                {...control}
                list="builder-zones"
                autoComplete="off"
                value={zone}
                onChange={({ target }) => set({ zone: target.value, isSecond: false })}
              />
              <datalist id="builder-zones">
                {allZones().map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </datalist>
            </>
          )}
        </Field>
      </div>
      {isSkipped && (
        <div role="alert" className={styles.strip}>
          <p>
            The clocks in {zone} skip {local.replace("T", " ")}: they are put forward in that hour.
          </p>
          <button
            type="button"
            className={styles.link}
            onClick={() => set({ local: afterSkipped(zone, local) })}
          >
            Use {afterSkipped(zone, local).slice(11)}
          </button>
        </div>
      )}
      {instants.length === 2 && (
        <fieldset className={styles.choices}>
          <legend>The clocks in {zone} show this time twice, because they are put back</legend>
          {instants.map((instant, index) => (
            <label key={instant}>
              <input
                type="radio"
                name="which"
                checked={isSecond === (index === 1)}
                onChange={() => set({ isSecond: index === 1 })}
              />
              {index === 0 ? "The first time" : "The second time"}:{" "}
              {new Date(instant).toISOString().slice(11, 16)} UTC
            </label>
          ))}
        </fieldset>
      )}
      {at != null && (
        <p className="muted">
          {formatFull(at, zone)}
          {zone !== "UTC" && <> = {formatFull(at, "UTC")}</>}
          {Date.parse(at) < now.getTime() && " – this is past: it begins as soon as it is started."}
        </p>
      )}
    </div>
  );
}
