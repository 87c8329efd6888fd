import { Dialog } from "../parts/dialog.tsx";
import { screens } from "./screens.ts";
import { modKey } from "./shortcuts.ts";
import styles from "./keyboard-help.module.css";

const groups: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Everywhere",
    [
      [`${modKey} K or /`, "Search, or go to a page or an id"],
      ["?", "Show this list"],
      ["Esc", "Close what lies over the page"],
      ["z", "Undo the last change, while its message is shown"],
      ...screens.map(({ name, key }) => [`g ${key}`, `Go to ${name}`] as const),
    ],
  ],
  [
    "In lists",
    [
      ["j k", "Next or previous row"],
      ["Enter", "Open the row, or show its details"],
      ["f", "Go to the filters"],
    ],
  ],
  [
    "Deliveries",
    [
      ["w", "Why was it sent, or not?"],
      ["o", "Open it as a page"],
      ["x", "Select it, or not"],
      ["Shift x", "Select all from the last selected row to this one"],
      [`${modKey} A`, "Select all on this page"],
      ["r", "Retry the selection, or the delivery that is open"],
      ["s", "Send it now"],
      ["p", "Change its priority"],
      ["c", "Cancel it"],
      ["[ ]", "On the page of a delivery: the previous or next one of the list"],
      ["Home End", "The newest or oldest deliveries"],
    ],
  ],
  [
    "Campaigns",
    [
      ["o", "Open it"],
      ["x", "Select it, or not"],
      ["p", "Pause or resume it"],
    ],
  ],
  [
    "Campaign builder",
    [
      ["j k", "Next or previous section"],
      ["[ ]", "The message for the previous or next recipient"],
    ],
  ],
  [
    "Templates and layouts",
    [
      ["e", "In the list: edit it"],
      [`${modKey} S`, "Save a version"],
      [`${modKey} Enter`, "Update the preview"],
      ["Esc Tab", "Leave the editor: Tab alone indents the line"],
      [`${modKey} Shift T or t`, "Send a test"],
      ["[ ]", "The previous or next version"],
    ],
  ],
  ["Routing", [["[ ]", "Move the rule up or down"]]],
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
        Each of them is also a button or a link. Keys without {modKey} can be switched off in the
        menu under your name.
      </p>
    </Dialog>
  );
}
