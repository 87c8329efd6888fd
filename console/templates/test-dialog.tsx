import { queryOptions, useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Channel } from "../../domain/channel.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { RecipientSearch } from "../parts/recipient-search.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import { reasonWords } from "../words/reasons.ts";
import { channelWords } from "../words/statuses.ts";
import type { JsonObject } from "../parts/json-schema.ts";
import { sendTest } from "./actions.ts";
import { RecipientName } from "./recipient-picker.tsx";
import styles from "./test-dialog.module.css";

interface TestDialogProps {
  template: { key: string; name: string };
  version: number;
  next: number;
  isDirty: boolean;
  save: () => Promise<number | null>;
  data: JsonObject;
  recipient: string | undefined;
  onClose: () => void;
}

/** Sends a version to one recipient, and shows what becomes of it. A test sends what is saved, so that it can be shown later. */
export function TestDialog(props: TestDialogProps) {
  const { template, version, next, isDirty, save, data, onClose } = props;
  const [recipient, setRecipient] = useState(props.recipient);
  const [request, setRequest] = useState(() => crypto.randomUUID());
  const send = useMutation({
    mutationFn: async (to: string) => {
      const saved = await save();
      if (saved === null) return null;
      const json = { recipient: to, data, version: saved };
      const { id } = await sendTest(template.key, json, request);
      return id;
    },
    onSuccess: () => setRequest(crypto.randomUUID()),
  });
  return (
    <Dialog
      title={`Send a test: ${template.name}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button
            kind="primary"
            icon="send"
            needs="sender"
            disabled={recipient === undefined || send.isPending}
            onClick={() => recipient !== undefined && send.mutate(recipient)}
          >
            {isDirty ? `Save as version ${next} and send` : `Send version ${version}`}
          </Button>
        </>
      }
    >
      <p>
        A test is a real message to a recipient, with the data that the preview has. It obeys the
        same rules as any other, and is marked as a test.
      </p>
      {recipient === undefined ? (
        <RecipientSearch label="Find a recipient" hasFocus onChoose={setRecipient} />
      ) : (
        <p className={styles.to}>
          <span>
            To <RecipientName id={recipient} />
          </span>
          <Button kind="quiet" onClick={() => setRecipient(undefined)}>
            Choose another
          </Button>
        </p>
      )}
      {send.error && <ProblemBanner error={send.error} />}
      {send.data === null && (
        <p role="alert">The text could not be saved. Close this dialog to see why.</p>
      )}
      {send.data != null && <TestResult id={send.data} />}
    </Dialog>
  );
}

/** How often the deliveries of a test are read, until they have ended. */
const readMs = 1_000;

const deliveriesQuery = (notification: string) =>
  queryOptions({
    queryKey: ["deliveries", "test", notification],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.deliveries.$get({ query: { notification, limit: "10" } }, { init: { signal } }),
      ),
  });

/** The deliveries of a test, live. */
function TestResult({ id }: { id: string }) {
  const { data, error } = useQuery({
    ...deliveriesQuery(id),
    refetchInterval: ({ state }) =>
      state.data?.items.every(({ status }) => !["pending", "sending"].includes(status))
        ? false
        : readMs,
  });
  if (error) return <ProblemBanner error={error} />;
  return (
    <ul className={styles.deliveries} role="status" aria-label="The test">
      {data?.items.map(({ id: delivery, channel, status, reason }) => (
        <li key={delivery}>
          <span>{channelWords[channel as Channel]}</span>
          <StatusChip status={status} />
          <span className="muted">{reason !== null && reasonWords[reason as Reason]}</span>
          <Link to="/deliveries/$id" params={{ id: delivery }}>
            Open the delivery
          </Link>
        </li>
      ))}
    </ul>
  );
}
