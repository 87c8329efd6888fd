import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { deliveriesQuery } from "../deliveries/queries.ts";
import { SelectableRows } from "../deliveries/selectable-rows.tsx";
import { ActorName } from "../parts/actor-name.tsx";
import { Columns, Stack } from "../parts/columns.tsx";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { List } from "../parts/list.tsx";
import { Facts, Page, Panel } from "../parts/page.tsx";
import { shortenId } from "../parts/short-id.tsx";
import { CopyButton, Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { TemplateLink } from "../parts/template-link.tsx";
import { WhyOfRecipient } from "../why/why-of-recipient.tsx";
import { priorityWords } from "../words/statuses.ts";
import { Account } from "./account.tsx";
import { NotificationVerbs } from "./notification-verbs.tsx";
import { type Notification, notificationQuery } from "./queries.ts";
import styles from "./notification-screen.module.css";

/** One notification: what was requested, what became of it, and why somebody got it or not. */
export function NotificationScreen() {
  const { id } = useParams({ from: "/notifications/$id" });
  const { of: recipient } = useSearch({ from: "/notifications/$id" });
  const navigate = useNavigate({ from: "/notifications/$id" });
  const { data, error, refetch } = useQuery(notificationQuery(id));
  return (
    <Page
      up={{ to: "/notifications", name: "Notifications" }}
      title={<span title={id}>{shortenId(id)}</span>}
      documentTitle="Notification"
      actions={data && <NotificationVerbs notification={data} />}
    >
      {data ? (
        <Stack>
          {error && <ProblemBanner error={error} retry={() => void refetch()} />}
          <Columns isFirstWider>
            <Stack>
              <Panel title="Outcome">
                <Account notification={data} />
              </Panel>
              <Panel title="Why did a recipient get it, or not?">
                <WhyOfRecipient
                  source={id}
                  recipient={recipient}
                  onChoose={(of) =>
                    void navigate({ search: (before) => ({ ...before, of }), replace: true })
                  }
                />
              </Panel>
            </Stack>
            <Panel title="Request">
              <RequestFacts notification={data} />
            </Panel>
          </Columns>
          <Deliveries id={id} />
        </Stack>
      ) : error ? (
        <Failed what="this notification" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the notification" rows={10} />
      )}
    </Page>
  );
}

function RequestFacts({ notification }: { notification: Notification }) {
  const { id, template, content, type, priority, data, sendAt, createdAt, createdBy } =
    notification;
  const { occursAt, expiresAt, entityId, dedupKey, collapseKey, requestId } = notification;
  const { attachments, actions, copies, test } = notification;
  const hasData = Object.keys(data).length > 0;
  return (
    <Facts
      items={[
        [
          "Notification",
          <span key="id" className={styles.id}>
            <code>{id}</code>
            <CopyButton text={id} label="Copy the id of the notification" />
          </span>,
        ],
        ["Kind", test ? "A test message of a template" : null],
        [
          "Message",
          template === null ? (
            content === null ? (
              "Its content was removed"
            ) : (
              "Content of its own"
            )
          ) : (
            <TemplateLink key="template" template={template} />
          ),
        ],
        [
          "Type",
          type === null ? (
            <span key="type" className="muted">
              none
            </span>
          ) : (
            <Link key="type" to="/notifications" search={{ type }}>
              {type}
            </Link>
          ),
        ],
        ["Priority", priorityWords[priority]],
        ["To be sent", <Instant key="send" at={sendAt} />],
        ["Event at", occursAt === null ? null : <Instant key="occurs" at={occursAt} />],
        ["Expires", expiresAt === null ? null : <Instant key="expires" at={expiresAt} />],
        ["Subject id", entityId],
        ["Deduplication", dedupKey === null ? null : <code key="dedup">{dedupKey}</code>],
        ["Collapse key", collapseKey === null ? null : <code key="collapse">{collapseKey}</code>],
        ["Actions", actions.length === 0 ? null : actions.map(({ action }) => action).join(", ")],
        ["Attachments", attachments.length === 0 ? null : attachments.length],
        ["Copies", copies.total === 0 ? null : copies.total],
        ["Created", <Instant key="created" at={createdAt} />],
        ["Created by", <ActorName key="by" id={createdBy} />],
        ["Request", requestId === null ? null : <code key="request">{requestId}</code>],
        [
          "Data",
          hasData ? (
            <details key="data">
              <summary>{Object.keys(data).join(", ")}</summary>
              {/* It may have to be scrolled with the keyboard. */}
              {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
              <pre className={styles.json} tabIndex={0}>
                {JSON.stringify(data, null, 2)}
              </pre>
            </details>
          ) : null,
        ],
      ]}
    />
  );
}

function Deliveries({ id }: { id: string }) {
  const { cursor } = useSearch({ from: "/notifications/$id" });
  const navigate = useNavigate({ from: "/notifications/$id" });
  const search = { source: id, order: "oldest" as const };
  const query = useQuery({
    ...deliveriesQuery({ ...search, cursor }),
    placeholderData: keepPreviousData,
  });
  return (
    <Panel
      title="Deliveries"
      isFlush
      aside={
        <Link to="/deliveries" search={{ source: id }}>
          <Icon name="deliveries" size={14} /> Open in Deliveries
        </Link>
      }
    >
      <List
        what="the deliveries"
        query={query}
        cursor={cursor}
        rows={4}
        next="More"
        onTurn={(next) => void navigate({ search: (before) => ({ ...before, cursor: next }) })}
        empty={
          <Empty title="No deliveries any more">
            They were removed when their retention ended.
          </Empty>
        }
      >
        {({ items, of }, isStale) => (
          <SelectableRows key={of} search={search} items={items} isStale={isStale} />
        )}
      </List>
    </Panel>
  );
}
