import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useId, useState } from "react";
import { Bell } from "../alerts/bell.tsx";
import { useLiveness } from "../api/live.ts";
import { signOut, useSession } from "../api/session.ts";
import { Button, IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { showToast } from "../parts/toast.tsx";
import { zoneName, zones } from "../words/instants.ts";
import { modKey } from "./shortcuts.ts";
import { readTheme, setTheme, themes } from "./theme.ts";
import popover from "../parts/popover.module.css";
import styles from "./top-bar.module.css";

interface TopBarProps {
  onSearch: () => void;
  onKeys: () => void;
  onSaveView: () => void;
  onSignedOut: () => void;
}

/** The bar above every screen. */
export function TopBar({ onSearch, onSaveView, ...menu }: TopBarProps) {
  return (
    <header className={styles.bar}>
      <span className={styles.menu}>
        <IconButton icon="menu" label="Screens" popoverTarget="rail" />
      </span>
      <button type="button" className={styles.search} onClick={onSearch}>
        <Icon name="search" />
        <span>Search or go to…</span>
        <kbd>{modKey} K</kbd>
      </button>
      <span className={styles.spacer} />
      <Environment />
      <LiveDot />
      <ZoneSwitch />
      <Bell />
      <span className={styles.wide}>
        <IconButton icon="star" label="Save this view" onClick={onSaveView} />
        <ThemeButton />
        <IconButton icon="keyboard" label="Keyboard shortcuts (?)" onClick={menu.onKeys} />
      </span>
      <Me onSaveView={onSaveView} {...menu} />
    </header>
  );
}

function Environment() {
  const { environment } = useSession();
  if (environment.name === null) return null;
  return (
    <span className={styles.environment} title="The environment that you are working on">
      <span className={styles.dot} data-color={environment.color} />
      <span className="hidden-text">Environment: </span>
      <span className={styles.environmentName}>{environment.name}</span>
    </span>
  );
}

const liveWords = {
  connecting: ["Connecting", "The stream of changes is being opened."],
  live: ["Live", "Changes appear by themselves, within about a second."],
  delayed: [
    "Delayed",
    "The stream of changes is not available. What you see is read again every 5 seconds.",
  ],
} as const;

function LiveDot() {
  const liveness = useLiveness();
  const [word, meaning] = liveWords[liveness];
  return (
    <span className={styles.live} data-liveness={liveness} title={meaning} role="status">
      <span className={styles.dot} />
      <span className={styles.word}>{word}</span>
    </span>
  );
}

function ZoneSwitch() {
  const navigate = useNavigate();
  const { tz = "mine" } = useSearch({ from: "__root__" });
  const name = useId();
  return (
    <fieldset className={styles.switch}>
      <legend className="hidden-text">Time zone of what is shown</legend>
      {zones.map((zone) => (
        <label key={zone} title={`Show times in ${zoneName(zone)}`}>
          <input
            type="radio"
            name={name}
            checked={tz === zone}
            onChange={() =>
              void navigate({
                to: ".",
                search: (before) =>
                  ({ ...before, tz: zone === "utc" ? "utc" : undefined }) as never,
                replace: true,
              })
            }
          />
          <span>{zone === "utc" ? "UTC" : "Mine"}</span>
        </label>
      ))}
    </fieldset>
  );
}

const themeIcons = { system: "screen", light: "sun", dark: "moon" } as const;

function ThemeButton() {
  const [theme, choose] = useState(readTheme);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length]!;
  return (
    <IconButton
      icon={themeIcons[theme]}
      label={`Theme: ${theme}. Change to ${next}`}
      onClick={() => {
        setTheme(next);
        choose(next);
      }}
    />
  );
}

const closeMenu = () => document.getElementById("me")?.hidePopover();

function Me({ onKeys, onSaveView, onSignedOut }: Omit<TopBarProps, "onSearch">) {
  const session = useSession();
  const navigate = useNavigate();
  const leave = async () => {
    try {
      await signOut();
      await navigate({ to: "/" });
      onSignedOut();
    } catch {
      showToast("You are still signed in: the API did not end the session.", {
        icon: "warning",
      });
    }
  };
  return (
    <>
      <IconButton icon="person" label={`Signed in as ${session.name}`} popoverTarget="me" />
      <section
        id="me"
        popover="auto"
        className={`${popover.popover} ${styles.me}`}
        aria-label="You"
      >
        <p>
          <strong>{session.name}</strong>
          <br />
          <span className="muted">Role: {session.role}</span>
        </p>
        <p className="muted">
          Signed in until <Instant at={session.expiresAt} />
        </p>
        <ul className={`${popover.entries} ${styles.links}`}>
          <li>
            <button
              type="button"
              onClick={onSaveView}
              popoverTarget="me"
              popoverTargetAction="hide"
            >
              <Icon name="star" /> Save this view
            </button>
          </li>
          <li>
            <Link to="/settings" search={{ tab: "appearance" }} onClick={closeMenu}>
              <Icon name="settings" /> Settings
            </Link>
          </li>
          <li>
            <button type="button" onClick={onKeys} popoverTarget="me" popoverTargetAction="hide">
              <Icon name="keyboard" /> Keyboard shortcuts
            </button>
          </li>
          {session.links.docs !== null && (
            <li>
              <a href={session.links.docs}>
                <Icon name="external" /> API reference
              </a>
            </li>
          )}
          {session.links.temporalUi !== null && (
            <li>
              <a href={session.links.temporalUi}>
                <Icon name="external" /> Temporal
              </a>
            </li>
          )}
        </ul>
        <Button onClick={() => void leave()}>Sign out</Button>
      </section>
    </>
  );
}
