import { useQuery, useQueryClient } from "@tanstack/react-query";
import { hourMs } from "../../domain/time/durations.ts";
import type { Channel } from "../../domain/channel.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field, Fields, useApiForm } from "../parts/form.tsx";
import { useNow } from "../parts/now.ts";
import { useZone } from "../parts/instant.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatFull } from "../words/instants.ts";
import { openAgain, type Stop, type Stoppable, stopMessages } from "./changes.ts";
import { waitingByChannelQuery } from "./queries.ts";
import { Waiting } from "./waiting.tsx";
import { messagesOf } from "./words.ts";

/** How long a stop may last, in hours. */
const spans = [
  ["0.5", "for 30 minutes"],
  ["1", "for 1 hour"],
  ["4", "for 4 hours"],
  ["24", "for 1 day"],
  ["72", "for 3 days"],
  ["168", "for 7 days"],
] as const;

interface StopDialogProps {
  target: Stoppable;
  channel: Channel;
  onClose: () => void;
}

/** Asks until when and why all messages of a channel or provider are stopped. What waits already is said first. */
export function StopDialog({ target, channel, onClose }: StopDialogProps) {
  const client = useQueryClient();
  const [zone, now] = [useZone(), useNow()];
  const waiting = useQuery(waitingByChannelQuery);
  const what = target.kind === "channel" ? `all ${messagesOf[channel]}` : target.name;
  const untilOf = (hours: string) => new Date(Date.now() + Number(hours) * hourMs).toISOString();
  const form = useApiForm<Stop>({
    defaultValues: { until: "1", reason: "" },
    async send({ until, reason }) {
      await stopMessages(target, { until: untilOf(until), reason });
      void client.invalidateQueries();
      onClose();
      const undo = () =>
        void openAgain(target).then(
          () => client.invalidateQueries(),
          (error: Error) => showToast(`It is still stopped: ${error.message}`, { icon: "warning" }),
        );
      showToast(`Stopped ${what}. Workers notice within a second.`, { icon: "stop", undo });
    },
  });
  const { errors, isSubmitting } = form.formState;
  const chosen = form.watch("until");
  const instant = new Date(now.getTime() + Number(chosen) * hourMs).toISOString();
  return (
    <Dialog
      title={`Stop ${what}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Keep sending</Button>
          <Button kind="danger" needs="admin" disabled={isSubmitting} onClick={form.submit}>
            Stop {what} now
          </Button>
        </>
      }
    >
      <Waiting channel={channel} query={waiting} />
      <p>
        {target.kind === "channel"
          ? "No further message leaves on this channel. What is due waits, and uses up no attempts. Urgent messages whose route has another channel go on there, as they do in an outage."
          : "No further message is handed to this provider. The other providers of its channel take them; if there is none, they wait, and use up no attempts."}
      </p>
      <form onSubmit={form.submit}>
        <Fields>
          <Field
            label="Until"
            hint={`${formatFull(instant, zone)}${zone === "UTC" ? "" : `, which is ${formatFull(instant, "UTC")}`}. It opens by itself then.`}
            error={errors.until?.message}
          >
            {(control) => (
              <select {...control} {...form.register("until")}>
                {spans.map(([hours, words]) => (
                  <option key={hours} value={hours}>
                    {words}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field
            label="Reason"
            hint="Other operators see it beside everything that waits because of this."
            error={errors.reason?.message}
          >
            {(control) => (
              <input {...control} {...form.register("reason")} autoComplete="off" maxLength={200} />
            )}
          </Field>
        </Fields>
      </form>
      {form.problem !== null && <ProblemBanner error={form.problem} />}
    </Dialog>
  );
}
