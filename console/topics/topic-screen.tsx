import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Stack } from "../parts/columns.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Facts, Page, Panel } from "../parts/page.tsx";
import { CopyButton, Failed, Loading } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatCount } from "../words/numbers.ts";
import { AddSubscriberDialog } from "./add-subscriber-dialog.tsx";
import { ConsentDialog } from "./consent-dialog.tsx";
import { changeTopic, type Topic, topicQuery } from "./queries.ts";
import { SubscribersPanel } from "./subscribers-panel.tsx";
import { TopicDialog } from "./topic-dialog.tsx";
import styles from "./topics.module.css";

/** A topic with its subscribers. */
export function TopicScreen() {
  const { key } = useParams({ from: "/topics/$key" });
  const search = useSearch({ from: "/topics/$key" });
  const navigate = useNavigate({ from: "/topics/$key" });
  const { data: topic, error, refetch } = useQuery(topicQuery(key));
  const [open, setOpen] = useState<"edit" | "archive" | "add" | null>(null);
  const close = () => setOpen(null);
  return (
    <Page
      up={{ to: "/topics", name: "Topics" }}
      title={topic?.name ?? key}
      documentTitle={key}
      actions={
        topic && (
          <>
            <Button needs="sender" onClick={() => setOpen("archive")}>
              {topic.isArchived ? "Take out of the archive" : "Archive"}
            </Button>
            <Button needs="sender" onClick={() => setOpen("edit")}>
              Edit
            </Button>
            {!topic.isArchived && (
              <Button kind="primary" needs="sender" onClick={() => setOpen("add")}>
                Add a subscriber
              </Button>
            )}
          </>
        )
      }
    >
      {topic ? (
        <>
          <Stack>
            <TopicFacts topic={topic} />
            <SubscribersPanel topicKey={key} search={search} />
          </Stack>
          {open === "edit" && <TopicDialog topic={topic} onClose={close} />}
          {open === "add" && <AddSubscriberDialog topic={topic} onClose={close} />}
          {open === "archive" && <ArchiveDialog topic={topic} onClose={close} />}
          {search.consent !== undefined && (
            <ConsentDialog
              topic={key}
              recipient={search.consent}
              onClose={() =>
                void navigate({ search: (before) => ({ ...before, consent: undefined }) })
              }
            />
          )}
        </>
      ) : error ? (
        <Failed what="the topic" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the topic" />
      )}
    </Page>
  );
}

function TopicFacts({ topic }: { topic: Topic }) {
  const { subscribers, isPublic, isArchived } = topic;
  const form = `${window.location.origin}/s/${topic.key}`;
  const names = Object.entries(topic.publicNames).map(([tag, name]) => `${name} (${tag})`);
  return (
    <Panel title="About">
      <Facts
        items={[
          ["Key", <code key="key">{topic.key}</code>],
          ["Subscribed", formatCount(subscribers.subscribed)],
          ["Pending", formatCount(subscribers.pending)],
          ["Unsubscribed", formatCount(subscribers.unsubscribed)],
          ["Opt-in", topic.optIn === "double" ? "Double: by a confirmation" : "Single: at once"],
          ["Names for recipients", names.length > 0 ? names.join(", ") : null],
          ["Note", topic.description || null],
          ["Confirmation", topic.confirmationTemplate],
          ["State", isArchived ? "Archived: it takes no new subscribers" : null],
          [
            "Sign-up form",
            isPublic && !isArchived ? (
              <span key="form" className={styles.form}>
                <a href={form} target="_blank" rel="noreferrer">
                  <code>{form}</code>
                </a>
                <CopyButton text={form} label="Copy the address of the form" />
              </span>
            ) : (
              "None: the topic is not public"
            ),
          ],
        ]}
      />
    </Panel>
  );
}

function ArchiveDialog({
  topic,
  onClose,
}: {
  topic: Topic & { etag: string };
  onClose: () => void;
}) {
  const client = useQueryClient();
  const { isArchived, key, etag, name } = topic;
  const change = useMutation({
    mutationFn: () => changeTopic(key, etag, { isArchived: !isArchived }),
    async onSuccess() {
      await client.invalidateQueries({ queryKey: ["topics"] });
      showToast(isArchived ? "The topic is in use again." : "The topic is archived.");
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={isArchived ? `Take ${name} out of the archive` : `Archive ${name}`}
      keep="Cancel"
      act={isArchived ? "Use it again" : "Archive"}
      needs="sender"
      change={change}
      onClose={onClose}
    >
      {isArchived ? (
        <p>It takes new subscribers again, and campaigns can name it.</p>
      ) : (
        <p>
          It takes no new subscribers, its sign-up form disappears, and new campaigns cannot name
          it. Subscriptions stay, and people can still unsubscribe.
        </p>
      )}
    </ConfirmDialog>
  );
}
