import { useEffect, useRef } from "react";
import { readSetting, writeSetting } from "./settings.ts";

/** What keys do: by the name of the key, such as `j` or `Escape`, `mod+k` (Ctrl or ⌘), or two keys one after the other, `g d`. */
export type Shortcuts = Record<string, () => void>;

/** The name of the key that `mod` stands for. */
export const modKey = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";

/** How long the first key of a sequence waits for the second. */
const sequenceMs = 1_200;

const registered: { current: Shortcuts }[] = [];
let first = { key: "", at: 0 };

/** Whether keys without Ctrl or ⌘ do something. Those who dictate, or touch keys by accident, can switch it off. */
export const areSingleKeysOn = () => readSetting("single-keys") !== "off";
export const setSingleKeys = (isOn: boolean) => writeSetting("single-keys", isOn ? null : "off");

function isTyping({ target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio"].includes(target.type);
  return target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName);
}

/** Whether the key presses the control that has the focus. */
const isPressing = ({ target, key }: KeyboardEvent) =>
  (key === "Enter" || key === " ") &&
  target instanceof HTMLElement &&
  target.closest("a, button, summary, input") !== null;

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const isModified = event.ctrlKey || event.metaKey;
  if (document.querySelector("dialog:modal")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // In a field every other key belongs to the field, also Ctrl A.
  if (isTyping(event) && !(isModified && key === "k")) return;
  if (!isModified && isPressing(event)) return;
  const isSequence = event.timeStamp - first.at < sequenceMs && first.key !== "";
  const wanted = isModified ? [`mod+${key}`] : isSequence ? [`${first.key} ${key}`, key] : [key];
  if (!isModified && event.key.length === 1 && !areSingleKeysOn()) return;
  first = { key: key === "g" && !isModified && !isSequence ? "g" : "", at: event.timeStamp };
  for (const name of wanted)
    for (const shortcuts of [...registered].reverse()) {
      const act = shortcuts.current[name];
      if (!act) continue;
      event.preventDefault();
      act();
      return;
    }
}

/** Gives keys a meaning as long as the component is shown. They mean nothing behind a modal dialog, and in fields only `mod+k` does. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    if (registered.length === 0) document.addEventListener("keydown", onKeyDown);
    registered.push(latest);
    return () => {
      registered.splice(registered.indexOf(latest), 1);
      if (registered.length === 0) document.removeEventListener("keydown", onKeyDown);
    };
  }, []);
}
