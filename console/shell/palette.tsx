// The palette follows the combobox pattern of the ARIA practices, for which HTML has no elements.
// oxlint-disable jsx-a11y/no-noninteractive-element-to-interactive-role
import { useQuery } from "@tanstack/react-query";
import { type NavigateOptions, useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { searchQuery } from "./queries.ts";
import { Icon, type IconName } from "../parts/icon.tsx";
import { showToast } from "../parts/toast.tsx";
import { rank } from "./ranking.ts";
import { screens } from "./screens.ts";
import { setTheme, themes } from "./theme.ts";
import { prefixOf } from "./url.ts";
import styles from "./palette.module.css";

interface Entry {
  id: string;
  name: string;
  hint: string;
  icon: IconName;
  act: () => void;
}

/** How long typing has to pause before the API is searched. */
const pauseMs = 200;

/** Finds pages, ids, actions, campaigns and templates by typing. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [place, setPlace] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const entries = useEntries(typed);
  const active = entries[Math.min(place, entries.length - 1)];
  useEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  useEffect(() => {
    document.getElementById(`${id}-${place}`)?.scrollIntoView({ block: "nearest" });
  }, [id, place]);

  const choose = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.act();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step !== undefined && entries.length > 0)
      setPlace((Math.min(place, entries.length - 1) + step + entries.length) % entries.length);
    else if (event.key === "Enter") choose(active);
    else return;
    event.preventDefault();
  };
  return (
    // A press on what is around the dialog closes it, as Esc does.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <dialog
      ref={dialog}
      className={styles.palette}
      aria-label="Search or go to"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === event.currentTarget && onClose()}
    >
      <div className={styles.field}>
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={active && `${id}-${entries.indexOf(active)}`}
          aria-label="Search or go to"
          placeholder="A page, an action, a campaign, or an id such as dlv_…"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          value={typed}
          onChange={({ target }) => {
            setTyped(target.value);
            setPlace(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <ul id={`${id}-list`} role="listbox" aria-label="Results" className={styles.list}>
        {entries.map((entry, index) => (
          // The field has the focus, and so the keys.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <li
            key={entry.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={entry === active}
            className={styles.entry}
            onMouseMove={() => setPlace(index)}
            onClick={() => choose(entry)}
          >
            <Icon name={entry.icon} />
            <span className={styles.name}>{entry.name}</span>
            <span className="muted">{entry.hint}</span>
          </li>
        ))}
      </ul>
      {entries.length === 0 && (
        <p className={styles.nothing} role="status">
          Nothing is called “{typed}”. Recipients are found by their id, rcp_…
        </p>
      )}
    </dialog>
  );
}

function useEntries(typed: string): Entry[] {
  const navigate = useNavigate();
  const go = (to: NavigateOptions) => () => void navigate(to);
  const searched = useCalm(typed.trim());
  const found = useQuery(searchQuery(searched)).data;
  const text = typed.trim();
  const toId = entryOfId(text);
  if (toId)
    return [
      { id: text, name: toId.name, hint: text, icon: toId.icon, act: go(toId.to) },
      ...(toId.why ? [{ ...toId.why, id: "why", hint: text, act: go(toId.why.to) }] : []),
    ];
  const pages = screens.map(({ to, name, icon, key }): Entry => ({
    id: to,
    name,
    hint: `g ${key}`,
    icon,
    act: go({ to }),
  }));
  const actions: Entry[] = [
    {
      id: "failed",
      name: "Failed deliveries",
      hint: "Deliveries",
      icon: "cross",
      act: go({ to: "/deliveries", search: { status: ["failed"] } }),
    },
    {
      id: "suppressed",
      name: "Deliveries not sent, by a rule",
      hint: "Deliveries",
      icon: "shield",
      act: go({ to: "/deliveries", search: { status: ["suppressed"] } }),
    },
    {
      id: "copy",
      name: "Copy the address of this page",
      hint: "Action",
      icon: "copy",
      act: () =>
        void navigator.clipboard
          .writeText(location.href)
          .then(() => showToast("The address of this page is in the clipboard.")),
    },
    ...themes.map((theme): Entry => ({
      id: `theme-${theme}`,
      name: `Theme: ${theme}`,
      hint: "Action",
      icon: theme === "dark" ? "moon" : theme === "light" ? "sun" : "screen",
      act: () => setTheme(theme),
    })),
  ];
  const resources = (found?.campaigns ?? []).map((campaign): Entry => ({
    id: campaign.id,
    name: campaign.name,
    hint: `Campaign, ${campaign.status}`,
    icon: "campaigns",
    act: go({ to: "/campaigns/$id", params: { id: campaign.id } }),
  }));
  return [...rank([...pages, ...actions], text), ...(text === searched ? resources : [])];
}

function entryOfId(id: string) {
  switch (prefixOf(id)) {
    case "dlv":
      return {
        name: "Open this delivery",
        icon: "deliveries" as const,
        to: { to: "/deliveries/$id", params: { id } } as NavigateOptions,
        why: {
          name: "Why was this delivery sent, or not?",
          icon: "question" as const,
          to: { to: "/deliveries", search: { why: id } } as NavigateOptions,
        },
      };
    case "cmp":
      return {
        name: "Open this campaign",
        icon: "campaigns" as const,
        to: { to: "/campaigns/$id", params: { id } } as NavigateOptions,
      };
    case "ntf":
      return listed("Deliveries of this notification", { source: id });
    case "rcp":
      return listed("Deliveries to this recipient", { recipient: id });
    case "grp":
      return listed("Deliveries of this batch or digest", { group: id });
    case undefined:
      return null;
  }
}

const listed = (name: string, search: Record<string, string>) => ({
  name,
  icon: "deliveries" as const,
  to: { to: "/deliveries", search } as NavigateOptions,
  why: undefined,
});

/** Returns the text once it has not changed for a moment. */
function useCalm(text: string): string {
  const [calm, setCalm] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setCalm(text), pauseMs);
    return () => clearTimeout(timer);
  }, [text]);
  return calm;
}
