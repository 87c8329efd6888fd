import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { useNow } from "../parts/now.ts";
import { Page, Panel } from "../parts/page.tsx";
import { shortenId } from "../parts/short-id.tsx";
import { CopyButton, Failed, Loading } from "../parts/states.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { DeliveriesTab } from "./deliveries-tab.tsx";
import { DevicesTab } from "./devices-tab.tsx";
import { EraseTab } from "./erase-tab.tsx";
import { EventsTab } from "./events-tab.tsx";
import { LinkDialog } from "./link-dialog.tsx";
import { formatClock } from "./local-clock.ts";
import { PreferencesTab } from "./preferences-tab.tsx";
import { ProfileTab } from "./profile-tab.tsx";
import { type Recipient, recipientQuery } from "./queries.ts";
import { type RecipientTab, recipientTabs } from "./search.ts";
import { TimelineTab } from "./timeline-tab.tsx";
import { TopicsTab } from "./topics-tab.tsx";
import styles from "./recipient-screen.module.css";

/** One recipient: what they get and when, what they have chosen, and how they are reached. */
export function RecipientScreen() {
  const { id } = useParams({ from: "/recipients/$id" });
  const search = useSearch({ from: "/recipients/$id" });
  const { data, error, refetch } = useQuery(recipientQuery(id));
  const [isLinking, setLinking] = useState(false);
  const shown: RecipientTab = search.tab ?? "timeline";
  const { tz } = search as { tz?: "utc" };
  return (
    <Page
      up={{ to: "/recipients", name: "Recipients" }}
      title={<span title={id}>{shortenId(id)}</span>}
      documentTitle="Recipient"
      actions={
        data && (
          <>
            <CopyButton text={id} label="Copy the id of the recipient" />
            <Button needs="sender" icon="external" onClick={() => setLinking(true)}>
              Preference link
            </Button>
          </>
        )
      }
    >
      {data ? (
        <>
          <Identity recipient={data} />
          <Tabs
            label="Parts of the recipient"
            tabs={(Object.keys(recipientTabs) as RecipientTab[]).map((tab) => ({
              name: recipientTabs[tab],
              isCurrent: tab === shown,
              link: {
                to: "/recipients/$id",
                params: { id },
                search: { tz, tab: tab === "timeline" ? undefined : tab } as never,
              },
            }))}
          />
          {shown === "timeline" && <TimelineTab id={id} withPast={search.past === "14"} />}
          {shown === "preferences" && (
            <PreferencesTab id={id} type={search.type} version={search.version} />
          )}
          {shown === "topics" && <TopicsTab id={id} />}
          {shown === "deliveries" && <DeliveriesTab id={id} cursor={search.cursor} />}
          {shown === "devices" && <DevicesTab id={id} />}
          {shown === "events" && <EventsTab id={id} cursor={search.cursor} />}
          {shown === "profile" && <ProfileTab recipient={data} />}
          {shown === "erase" && <EraseTab id={id} />}
          {isLinking && <LinkDialog recipient={id} onClose={() => setLinking(false)} />}
        </>
      ) : (
        <Panel>
          {error ? (
            <Failed what="this recipient" error={error} retry={() => void refetch()} />
          ) : (
            <Loading what="the recipient" />
          )}
        </Panel>
      )}
    </Page>
  );
}

/** Who it is, in a line, and what their clock shows. */
function Identity({ recipient }: { recipient: Recipient }) {
  const now = useNow();
  const { externalId, email, phone, timeZone, locale } = recipient;
  return (
    <p className={styles.identity}>
      <strong>{externalId}</strong>
      {[email, phone].map(
        (address) =>
          address !== null && address !== externalId && <span key={address}>{address}</span>,
      )}
      <span className="muted figures">
        {formatClock(now, timeZone)} in {timeZone}
      </span>
      <span className="muted">{locale}</span>
    </p>
  );
}
