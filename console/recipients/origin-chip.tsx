import { useQuery } from "@tanstack/react-query";
import { policyQuery, type Preferences, typeQuery } from "./queries.ts";
import styles from "./origin-chip.module.css";

type Layer = Preferences["effective"]["channelOrder"]["from"];

interface OriginChipProps {
  from: Layer;
  /** The version of the recipient's preferences. */
  version: number;
  /** The key of the type, where a type may have said it. */
  type: string | undefined;
}

/** Who has said a value: the recipient, the type of the message, or the policy, and in which version. */
export function OriginChip({ from, version, type }: OriginChipProps) {
  const policy = useQuery(policyQuery);
  const found = useQuery(typeQuery(from === "type" ? type : undefined));
  const words = {
    recipient: `recipient v${version}`,
    type: `type${found.data ? ` v${found.data.version}` : ""}`,
    organisation: policy.data
      ? policy.data.version === 0
        ? "policy, default"
        : `policy v${policy.data.version}`
      : "policy",
  }[from];
  return (
    <span className={styles.chip} data-from={from}>
      {words}
    </span>
  );
}
