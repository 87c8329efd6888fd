import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { capitalise, statusMeanings } from "../words/statuses.ts";
import { Icon, type IconName } from "./icon.tsx";
import styles from "./status-chip.module.css";

const statusIcons: Record<DeliveryStatus, IconName> = {
  pending: "clock",
  sending: "arrow",
  sent: "check",
  delivered: "checks",
  failed: "cross",
  suppressed: "shield",
  cancelled: "stop",
  unknown: "question",
};

/** The status of a delivery: a colour, an icon and the word. */
export function StatusChip({ status }: { status: DeliveryStatus }) {
  return (
    <span className={`${styles.chip} ${styles[status]}`} title={statusMeanings[status]}>
      <Icon name={statusIcons[status]} size={14} />
      {capitalise(status)}
    </span>
  );
}

/** A chip of another kind: its tone is that of the status that it is most like. */
export function Chip({ tone, icon, word }: { tone: DeliveryStatus; icon: IconName; word: string }) {
  return (
    <span className={`${styles.chip} ${styles[tone]}`}>
      <Icon name={icon} size={14} />
      {word}
    </span>
  );
}
