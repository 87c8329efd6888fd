import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import {
  maxReplayDays,
  maxReplayedEvents,
  secretOverlapHours,
} from "../../domain/webhook-endpoint.ts";
import { dayMs } from "../../domain/time/durations.ts";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Field, Fields } from "../parts/form.tsx";
import { useZone } from "../parts/instant.tsx";
import { SecretDialog } from "./secret-dialog.tsx";
import { showToast } from "../parts/toast.tsx";
import { toInstant } from "../words/local-input.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";
import {
  deleteEndpoint,
  type EndpointWithSecret,
  replayEvents,
  rotateSecret,
  type WebhookEndpoint,
} from "./webhook-queries.ts";

interface DialogProps {
  endpoint: WebhookEndpoint;
  onClose: () => void;
}

/** Shows the secret of an endpoint once. */
export const EndpointSecret = ({
  made,
  onClose,
}: {
  made: EndpointWithSecret;
  onClose: () => void;
}) => (
  <SecretDialog made={{ name: made.description, secret: made.secret }} onClose={onClose}>
    This is the only time that it is shown. The receiver needs it to check that requests come from
    here: give it to its Standard Webhooks library.
  </SecretDialog>
);

/** Gives an endpoint another secret. */
export function RotateSecretDialog({
  endpoint,
  onClose,
  onMade,
}: DialogProps & { onMade: (made: EndpointWithSecret) => void }) {
  const client = useQueryClient();
  const rotate = useMutation({
    mutationFn: () => rotateSecret(endpoint.id),
    onSuccess: async (made) => {
      onMade(made);
      await client.invalidateQueries({ queryKey: ["webhook-endpoints"] });
    },
  });
  return (
    <ConfirmDialog
      title={`Rotate the secret of ${endpoint.description}`}
      keep="Keep the secret"
      act="Make a new secret"
      needs="admin"
      change={rotate}
      onClose={onClose}
    >
      <p>
        For {secretOverlapHours} hours requests are signed with both secrets, so that the receiver
        can change over in that time. After that, only the new one signs.
      </p>
    </ConfirmDialog>
  );
}

/** Deletes an endpoint. */
export function DeleteEndpointDialog({ endpoint, onClose }: DialogProps) {
  const client = useQueryClient();
  const navigate = useNavigate({ from: "/settings" });
  const remove = useMutation({
    mutationFn: () => deleteEndpoint(endpoint.id),
    onSuccess: async () => {
      onClose();
      showToast(`The webhook ${endpoint.description} is deleted.`, { icon: "stop" });
      await navigate({ search: { tab: "webhooks" } });
      await client.invalidateQueries({ queryKey: ["webhook-endpoints"] });
    },
  });
  return (
    <ConfirmDialog
      title={`Delete ${endpoint.description}`}
      keep="Keep the webhook"
      act="Delete the webhook"
      kind="danger"
      needs="admin"
      change={remove}
      onClose={onClose}
    >
      <p>
        No more events are sent to it. What waits for it, its secret and the log of its requests are
        deleted. The events themselves are kept.
      </p>
    </ConfirmDialog>
  );
}

/** What a field of the browser for a local time has: the minute of an instant. */
const toLocal = (at: Date, zone: string): string => {
  const offsetMs = zone === "UTC" ? 0 : at.getTimezoneOffset() * 60_000;
  return new Date(at.getTime() - offsetMs).toISOString().slice(0, 16);
};

/** Sends the events of a span of time again. */
export function ReplayDialog({ endpoint, onClose }: DialogProps) {
  const zone = useZone();
  const client = useQueryClient();
  const [from, setFrom] = useState(() => toLocal(new Date(Date.now() - dayMs), zone));
  const [to, setTo] = useState(() => toLocal(new Date(Date.now() + 60_000), zone));
  const replay = useMutation({
    mutationFn: () =>
      replayEvents(endpoint.id, { from: toInstant(from, zone), to: toInstant(to, zone) }),
    onSuccess: async ({ events }) => {
      onClose();
      showToast(
        events === 0
          ? "No events in this time match the webhook."
          : `${formatNoun(events, "event")} will be sent again.`,
      );
      await client.invalidateQueries({ queryKey: ["webhook-endpoints"] });
    },
  });
  return (
    <ConfirmDialog
      title={`Send events to ${endpoint.description} again`}
      keep="Send nothing"
      act="Send them again"
      needs="admin"
      change={replay}
      onClose={onClose}
    >
      <p>
        Sends what the webhook asks for and what occurred in this time: at most{" "}
        {formatCount(maxReplayedEvents)} events of at most {maxReplayDays} days. Events keep their
        ids, by which the receiver recognises those that it has had.
      </p>
      <Fields>
        <Field label={`From (${zone})`}>
          {(control) => (
            <input
              type="datetime-local"
              {...control}
              value={from}
              required
              onChange={({ target }) => setFrom(target.value)}
            />
          )}
        </Field>
        <Field label={`Until (${zone})`}>
          {(control) => (
            <input
              type="datetime-local"
              {...control}
              value={to}
              required
              onChange={({ target }) => setTo(target.value)}
            />
          )}
        </Field>
      </Fields>
    </ConfirmDialog>
  );
}
