import { formatCount, formatShare } from "../words/numbers.ts";
import styles from "./waterfall.module.css";

interface WaterfallProps {
  /** The number at the beginning, with its name. */
  from: { name: string; count: number };
  /** What is taken away from it. Steps of 0 are left out. */
  steps: readonly { name: string; count: number }[];
  /** What remains, with its name. */
  rest: { name: string; count: number };
}

/** A number, what is taken away from it step by step, and what remains. */
export function Waterfall({ from, steps, rest }: WaterfallProps) {
  const shown = steps.filter(({ count }) => count > 0);
  const shareOf = (count: number) => (from.count === 0 ? 0 : count / from.count);
  const leftAfter = (index: number) =>
    shown.slice(0, index + 1).reduce((left, { count }) => left - count, from.count);
  return (
    <ol className={styles.waterfall}>
      <Step {...from} share={1} start={0} sign="" />
      {shown.map(({ name, count }, index) => (
        <Step
          key={name}
          name={name}
          count={count}
          share={shareOf(count)}
          start={shareOf(leftAfter(index))}
          sign="−"
        />
      ))}
      <Step {...rest} share={shareOf(rest.count)} start={0} sign="=" isRest />
    </ol>
  );
}

interface StepProps {
  name: string;
  count: number;
  share: number;
  start: number;
  sign: string;
  isRest?: boolean;
}

function Step({ name, count, share, start, sign, isRest = false }: StepProps) {
  return (
    <li className={isRest ? styles.rest : undefined}>
      <span className={styles.name}>{name}</span>
      <span className={styles.count}>
        {sign} {formatCount(count)}
      </span>
      <span className={styles.track} title={formatShare(share)} aria-hidden="true">
        <span
          className={sign === "−" ? styles.taken : styles.kept}
          style={{ marginInlineStart: `${100 * start}%`, width: `${100 * share}%` }}
        />
      </span>
    </li>
  );
}
