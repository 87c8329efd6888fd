import { useId, useState } from "react";
import styles from "./confirm-number.module.css";

/** From how many on the number of what is changed has to be typed. */
const typedFrom = 1_000;

/**
 * Asks for the number of what is about to be changed if it is large, so that nobody changes many by accident.
 * @param count how many are changed; undefined while they are counted
 */
export function useConfirmNumber(count: number | undefined) {
  const [typed, setTyped] = useState("");
  const field = useId();
  const isAsked = count !== undefined && count >= typedFrom;
  return {
    isConfirmed: !isAsked || typed.trim() === String(count),
    field: isAsked ? (
      <label className={styles.typed} htmlFor={field}>
        Type {count} to confirm
        <input
          id={field}
          inputMode="numeric"
          autoComplete="off"
          value={typed}
          onChange={({ target }) => setTyped(target.value)}
        />
      </label>
    ) : null,
  };
}
