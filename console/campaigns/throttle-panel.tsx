import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { includesRole, useSession } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { Field, useApiForm } from "../parts/form.tsx";
import { Panel } from "../parts/page.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatDuration } from "../words/instants.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { openCounts } from "./account.ts";
import type { Campaign, Progress } from "./queries.ts";
import styles from "./throttle-panel.module.css";

interface ThrottlePanelProps {
  campaign: Campaign;
  /** Undefined until it has been read. */
  progress: Progress | undefined;
}

/** Sets how many messages of a campaign are sent per second at most, and says how long that takes. */
export function ThrottlePanel({ campaign, progress }: ThrottlePanelProps) {
  const { id, throttle } = campaign;
  const client = useQueryClient();
  const { role } = useSession();
  const put = useMutation({
    mutationFn: (wanted: Campaign["throttle"] | { perSecond: number }) =>
      answerOf(
        // The body may be null, which the types of the client do not express.
        api.v1.campaigns[":id"].throttle.$put({ param: { id }, json: wanted as never }),
      ),
    onSettled: () => client.invalidateQueries(),
  });
  const change = async (wanted: Parameters<typeof put.mutateAsync>[0]) => {
    await put.mutateAsync(wanted);
    showToast(
      wanted === null
        ? "The campaign has no throttle any more."
        : `The campaign sends ${formatNoun(wanted.perSecond, "message")} per second at most.`,
      { undo: () => put.mutate(throttle) },
    );
  };
  const form = useApiForm<{ perSecond: string }>({
    defaultValues: { perSecond: throttle === null ? "" : String(throttle.perSecond) },
    send: ({ perSecond }) => change({ perSecond: Number(perSecond) }),
  });
  const typed = Number(form.watch("perSecond"));
  const open = progress && openCounts(progress.counts);
  return (
    <Panel
      title="Throttle"
      aside={
        <span className="muted figures">
          {throttle === null
            ? "none: as fast as the providers take it"
            : `${formatCount(throttle.perSecond)} per second at most`}
        </span>
      }
    >
      <form className={styles.form} onSubmit={form.submit} noValidate>
        <Field
          label="Messages per second"
          error={form.formState.errors.perSecond?.message}
          hint={
            typed > 0 && open !== undefined && open > 0
              ? `The ${formatNoun(open, "open delivery takes", "open deliveries take")} ${formatDuration(open / typed)} at least at this rate.`
              : "Workers apply it within about a second."
          }
        >
          {(control) => (
            <input
              {...control}
              {...form.register("perSecond")}
              type="number"
              inputMode="decimal"
              min="0.01"
              step="any"
              disabled={!includesRole(role, "sender")}
            />
          )}
        </Field>
        <div className={styles.buttons}>
          <Button
            type="submit"
            needs="sender"
            disabled={!(typed > 0) || typed === throttle?.perSecond || put.isPending}
          >
            Set
          </Button>
          {throttle !== null && (
            <Button
              kind="quiet"
              needs="sender"
              disabled={put.isPending}
              onClick={() =>
                void change(null).then(
                  () => form.reset({ perSecond: "" }),
                  () => {},
                )
              }
            >
              Remove
            </Button>
          )}
        </div>
      </form>
      {form.problem !== null && <ProblemBanner error={form.problem} />}
    </Panel>
  );
}
