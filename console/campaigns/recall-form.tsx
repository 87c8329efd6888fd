import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { useConfirmNumber } from "../parts/confirm-number.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { type Campaign, recallQuery } from "./queries.ts";
import styles from "./recall-tab.module.css";

interface RecallFormProps {
  campaign: Campaign;
  counts: Record<DeliveryStatus, number>;
}

/** Says what a recall would do to whom, and recalls the campaign. */
export function RecallForm({ campaign, counts }: RecallFormProps) {
  const [key, setKey] = useState<string | null>(null);
  return (
    <div className={styles.form}>
      <p>
        A recall stops the campaign for good, and finds out who has its message already. Messages
        that have left cannot be taken back, but their recipients can be sent a correction.
      </p>
      <ul className={styles.counts} aria-label="What a recall would do now">
        <Line id={campaign.id} count={counts.pending} status={["pending"]}>
          wait, and will be cancelled
        </Line>
        <Line id={campaign.id} count={counts.sending} status={["sending"]}>
          are being handed over, and will still be sent
        </Line>
        <Line
          id={campaign.id}
          count={counts.sent + counts.delivered}
          status={["sent", "delivered"]}
        >
          have been received
        </Line>
        <Line id={campaign.id} count={counts.unknown} status={["unknown"]}>
          may have been received
        </Line>
      </ul>
      <Button kind="danger" icon="stop" needs="sender" onClick={() => setKey(crypto.randomUUID())}>
        Recall…
      </Button>
      {key !== null && (
        <RecallDialog
          campaign={campaign}
          pending={counts.pending}
          idempotencyKey={key}
          onClose={() => setKey(null)}
        />
      )}
    </div>
  );
}

/** A number of deliveries, as a link to them, and what happens to them. */
export const Line = ({
  id,
  count,
  status,
  children,
}: {
  id: string;
  count: number;
  status: DeliveryStatus[];
  children: ReactNode;
}) => (
  <li>
    {count === 0 ? (
      <span className="muted">0</span>
    ) : (
      <Link className="figures" to="/deliveries" search={{ source: id, status }}>
        {formatCount(count)}
      </Link>
    )}
    <span>{children}</span>
  </li>
);

function RecallDialog({
  campaign: { id, name },
  pending,
  idempotencyKey,
  onClose,
}: {
  campaign: Campaign;
  pending: number;
  idempotencyKey: string;
  onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  // What was counted when the dialog was opened has to be typed, also if it changes meanwhile.
  const [counted] = useState(pending);
  const confirmation = useConfirmNumber(counted);
  const recall = useMutation({
    mutationFn: () =>
      answerOf(
        api.v1.campaigns[":id"].recall.$post({
          param: { id },
          json: reason.trim() === "" ? {} : { reason: reason.trim() },
          header: { "idempotency-key": idempotencyKey },
        }),
      ),
    onSuccess: (account) => {
      client.setQueryData(recallQuery(id).queryKey, account);
      showToast("The campaign is recalled.", { icon: "stop" });
      onClose();
    },
    onSettled: () => client.invalidateQueries(),
  });
  const effect =
    counted === 0
      ? "Recall the campaign"
      : `Recall it and cancel ${formatNoun(counted, "delivery", "deliveries")}`;
  return (
    <Dialog
      title={`Recall: ${name}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Leave it as it is</Button>
          <Button
            kind="danger"
            needs="sender"
            disabled={!confirmation.isConfirmed || recall.isPending}
            onClick={() => recall.mutate()}
          >
            {recall.isPending ? "Waiting for the workers…" : effect}
          </Button>
        </>
      }
    >
      <p>This cannot be undone. Nobody else gets the message, also not by a resume or a retry.</p>
      <Field label="Reason" hint="For the audit trail.">
        {(control) => (
          <input
            {...control}
            maxLength={1_000}
            autoComplete="off"
            value={reason}
            onChange={({ target }) => setReason(target.value)}
          />
        )}
      </Field>
      {confirmation.field}
      {recall.error && <ProblemBanner error={recall.error} />}
    </Dialog>
  );
}
