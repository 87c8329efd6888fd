import { useNavigate, useSearch } from "@tanstack/react-router";
import { useId, useState } from "react";
import { Check, Fields } from "../parts/form.tsx";
import { Panel } from "../parts/page.tsx";
import { areSingleKeysOn, setSingleKeys } from "../shell/shortcuts.ts";
import { readTheme, setTheme, type Theme, themes } from "../shell/theme.ts";
import { zoneName, zones } from "../words/instants.ts";
import { capitalise } from "../words/statuses.ts";
import styles from "./settings.module.css";

const themeNames: Record<Theme, string> = {
  system: "As the system",
  light: "Light",
  dark: "Dark",
};

/** How the console looks and listens in this browser. */
export function AppearanceTab() {
  const [theme, chooseTheme] = useState(readTheme);
  const [hasKeys, setKeys] = useState(areSingleKeysOn);
  const { tz = "mine" } = useSearch({ from: "__root__" });
  const navigate = useNavigate({ from: "/settings" });
  return (
    <Panel>
      <Fields>
        <Choices
          legend="Theme"
          hint="Kept in this browser."
          values={themes}
          name={(each) => themeNames[each]}
          chosen={theme}
          onChoose={(each) => {
            setTheme(each);
            chooseTheme(each);
          }}
        />
        <Choices
          legend="Time zone"
          hint="Kept in the address, so that a link shows the same to everybody who opens it."
          values={zones}
          name={(zone) => (zone === "utc" ? "UTC" : `${capitalise(zone)}: ${zoneName(zone)}`)}
          chosen={tz}
          onChoose={(zone) =>
            void navigate({
              search: (now) => ({ ...now, tz: zone === "utc" ? "utc" : undefined }),
              replace: true,
            })
          }
        />
        <fieldset className={styles.choices}>
          <legend>Keyboard</legend>
          <Check
            role="switch"
            aria-checked={hasKeys}
            checked={hasKeys}
            onChange={({ target }) => {
              setSingleKeys(target.checked);
              setKeys(target.checked);
            }}
          >
            Single-key shortcuts
          </Check>
          <p className="muted">
            Keys without Ctrl or ⌘, such as j, w or g d. Switch them off if you dictate, or touch
            keys by accident. Kept in this browser.
          </p>
        </fieldset>
      </Fields>
    </Panel>
  );
}

function Choices<Value extends string>({
  legend,
  hint,
  values,
  name,
  chosen,
  onChoose,
}: {
  legend: string;
  hint: string;
  values: readonly Value[];
  name: (value: Value) => string;
  chosen: Value;
  onChoose: (value: Value) => void;
}) {
  const group = useId();
  return (
    <fieldset className={styles.choices}>
      <legend>{legend}</legend>
      <div className={styles.radios}>
        {values.map((value) => (
          <label key={value}>
            <input
              type="radio"
              name={group}
              checked={value === chosen}
              onChange={() => onChoose(value)}
            />
            {name(value)}
          </label>
        ))}
      </div>
      <p className="muted">{hint}</p>
    </fieldset>
  );
}
