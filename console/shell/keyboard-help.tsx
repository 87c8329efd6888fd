import { Dialog } from "../parts/dialog.tsx";
import { screens } from "./screens.ts";
import styles from "./keyboard-help.module.css";

const groups: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Everywhere",
    [
      ["Ctrl K or ⌘ K or /", "Search, or go to a page or an id"],
      ["?", "Show this list"],
      ["Esc", "Close what lies over the page"],
      ["z", "Undo what was just done, while the message offers it"],
      ...screens.map(({ name, key }) => [`g ${key}`, `Go to ${name}`] as const),
    ],
  ],
  [
    "In a list of deliveries",
    [
      ["j k", "Next or previous row"],
      ["Enter", "Look at it beside the list"],
      ["w", "Why was it sent, or not?"],
      ["o", "Open it as a page"],
      ["x", "Select it, or not"],
      ["Shift x", "Select all from the last selected row to this one"],
      ["f", "Go to the filters"],
    ],
  ],
  [
    "For the selection, or the delivery that is open",
    [
      ["r", "Retry"],
      ["s", "Send now"],
      ["p", "Change its priority"],
      ["c", "Cancel"],
    ],
  ],
];

/** Lists the keys. */
export default function KeyboardHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      {groups.map(([name, keys]) => (
        <section key={name}>
          <h3>{name}</h3>
          <dl className={styles.keys}>
            {keys.map(([key, what]) => (
              <div key={key}>
                <dt>
                  {key
                    .split(" ")
                    .map((part, index) => (part === "or" ? " or " : <kbd key={index}>{part}</kbd>))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <p className="muted">
        Each of them is also a button or a link. Keys without Ctrl or ⌘ can be switched off in the
        menu under your name.
      </p>
    </Dialog>
  );
}
