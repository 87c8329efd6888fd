import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Channel } from "../../domain/channel.ts";
import { ActorName } from "../parts/actor-name.tsx";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { showToast } from "../parts/toast.tsx";
import { openAgain, type Stoppable, stopMessages } from "./changes.ts";
import { type Gate, waitingByChannelQuery } from "./queries.ts";
import styles from "./stop-note.module.css";
import { Waiting } from "./waiting.tsx";

interface StopNoteProps {
  target: Stoppable;
  channel: Channel;
  gate: Gate;
}

/** Says that a gate is stopped, by whom, until when and why, and opens it again. */
export function StopNote({ target, channel, gate }: StopNoteProps) {
  const [isAsked, ask] = useState(false);
  if (gate.shutUntil === null) return null;
  return (
    <div className={styles.note} role="note">
      <Icon name="stop" />
      <div>
        <strong>
          {gate.shutBy === null ? (
            "It asked for a pause"
          ) : (
            <>
              Stopped by <ActorName id={gate.shutBy} />
            </>
          )}
        </strong>{" "}
        until <Instant at={gate.shutUntil} />
        {gate.shutReason !== null && <>: {gate.shutReason}</>}
      </div>
      {gate.shutBy !== null && (
        <Button icon="play" needs="admin" onClick={() => ask(true)}>
          Open again
        </Button>
      )}
      {isAsked && (
        <OpenDialog target={target} channel={channel} gate={gate} onClose={() => ask(false)} />
      )}
    </div>
  );
}

function OpenDialog({ target, channel, gate, onClose }: StopNoteProps & { onClose: () => void }) {
  const client = useQueryClient();
  const waiting = useQuery(waitingByChannelQuery);
  const { shutUntil: until, shutReason: reason } = gate;
  const open = useMutation({
    mutationFn: () => openAgain(target),
    onSuccess: () => {
      onClose();
      const undo = () =>
        void stopMessages(target, { until: until!, reason: reason ?? "" }).then(
          () => client.invalidateQueries(),
          (error: Error) => showToast(`It stays open: ${error.message}`, { icon: "warning" }),
        );
      showToast("Open again. What waited is sent within seconds.", { icon: "play", undo });
    },
    onSettled: () => client.invalidateQueries(),
  });
  return (
    <ConfirmDialog
      title={`Open ${target.name} again`}
      keep="Keep it stopped"
      act="Open it now"
      needs="admin"
      change={open}
      onClose={onClose}
    >
      <Waiting channel={channel} query={waiting} />
      <p>Those that are due are sent within seconds, as fast as the limits allow.</p>
    </ConfirmDialog>
  );
}
