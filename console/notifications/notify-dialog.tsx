import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { useConfirmNumber } from "../parts/confirm-number.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { useApiForm } from "../parts/form.tsx";
import { useZone } from "../parts/instant.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { formatNoun } from "../words/numbers.ts";
import { toInstant } from "../words/local-input.ts";
import {
  emptyValues,
  listVariables,
  type NotifyBody,
  type NotifyValues,
  toBody,
  UnreadableValue,
} from "./notify-body.ts";
import { NotifyFields } from "./notify-fields.tsx";
import { NotifyOutcome } from "./notify-outcome.tsx";
import { NotifyPreview } from "./notify-preview.tsx";
import {
  type Preview,
  previewNotification,
  sendNotification,
  variablesQuery,
} from "./notify-queries.ts";

/** A file that was uploaded to be attached. */
export interface Attached {
  id: string;
  filename: string;
}

/**
 * Sends a notification: first what would happen is counted for all its recipients, then it is sent, then what became of it is shown. It has one
 * Idempotency-Key, so that a second press of the button has no second effect.
 */
export default function NotifyDialog({ onClose }: { onClose: () => void }) {
  const [key] = useState(() => crypto.randomUUID());
  const [previewed, setPreviewed] = useState<{ body: NotifyBody; preview: Preview } | null>(null);
  const [attached, setAttached] = useState<readonly Attached[]>([]);
  const result = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const client = useQueryClient();
  const form = useApiForm<NotifyValues>({ defaultValues: emptyValues, send: preview });
  const [kind, templateKey, version] = form.watch(["kind", "template.key", "template.version"]);
  const variables = listVariables(useQuery(variablesQuery(templateKey, version)).data);

  async function preview(values: NotifyValues): Promise<void> {
    let body: NotifyBody | undefined;
    try {
      body = toBody(values, {
        variables,
        attachments: attached.map(({ id }) => id),
        toInstant: (local) => toInstant(local, zone),
      });
      setPreviewed({ body, preview: await previewNotification(body) });
    } catch (error) {
      const fault = faultOf(error, body);
      if (!fault) throw error;
      form.setError(fault.field as "recipients", { type: "api", message: fault.message });
    }
  }

  // What was previewed is what is sent: after a change it has to be previewed again.
  const { watch } = form;
  useEffect(() => {
    const watching = watch(() => setPreviewed(null));
    return () => watching.unsubscribe();
  }, [watch]);
  useEffect(() => {
    if (previewed) result.current?.scrollIntoView({ block: "start" });
  }, [previewed]);

  const send = useMutation({
    mutationFn: ({ body }: { body: NotifyBody }) => sendNotification(body, key),
    onSuccess: () => client.invalidateQueries({ queryKey: ["notifications"] }),
  });
  const counts = previewed?.preview.deliveries;
  const total = counts && counts.sent + counts.waiting + counts.suppressed;
  const confirmation = useConfirmNumber(total);

  if (send.data)
    return (
      <Dialog
        title="Notification accepted"
        onClose={onClose}
        footer={
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        }
      >
        <NotifyOutcome id={send.data.id} />
      </Dialog>
    );
  const { isSubmitting } = form.formState;
  return (
    <Dialog
      title="Notify"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Close without sending</Button>
          <Button
            kind={previewed ? "plain" : "primary"}
            icon="search"
            disabled={isSubmitting}
            onClick={() => form.submit()}
          >
            {isSubmitting ? "Counting…" : "Preview"}
          </Button>
          <Button
            kind={previewed ? "primary" : "plain"}
            icon="send"
            needs="sender"
            title={previewed ? undefined : "Preview it first"}
            disabled={!previewed || !confirmation.isConfirmed || send.isPending}
            onClick={() => previewed && send.mutate(previewed)}
          >
            {total === undefined ? "Send" : `Send ${formatNoun(total, "delivery", "deliveries")}`}
          </Button>
        </>
      }
    >
      <form onSubmit={form.submit}>
        <NotifyFields
          form={form}
          kind={kind}
          variables={variables}
          attached={attached}
          onAttach={(next) => {
            setAttached(next);
            setPreviewed(null);
          }}
        />
        {/* A form with several fields is submitted by Enter only if it has a button for that. */}
        <button type="submit" hidden>
          Preview
        </button>
      </form>
      {form.problem !== null && <ProblemBanner error={form.problem} />}
      <div ref={result} role="status">
        {previewed && <NotifyPreview preview={previewed.preview} />}
      </div>
      {confirmation.field}
      {send.error && <ProblemBanner error={send.error} />}
    </Dialog>
  );
}

/** The fault of a value that is shown at its field in words of its own; null for any other error. */
function faultOf(error: unknown, body: NotifyBody | undefined) {
  if (error instanceof UnreadableValue) return { field: error.field, message: error.message };
  const faults = error instanceof ApiProblem ? (error.details?.errors ?? []) : [];
  const [first, ...others] = faults.flatMap(({ field, message }) => {
    const place = /^\/recipients\/(\d+)/.exec(field)?.[1];
    const named = place === undefined ? undefined : body?.recipients[Number(place)];
    return typeof named === "string" ? [`“${named}” ${message}`] : [];
  });
  if (first === undefined) return null;
  return {
    field: "recipients",
    message: others.length === 0 ? first : `${first}, and ${others.length} more like it`,
  };
}
