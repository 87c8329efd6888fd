import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Empty } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { usePaletteActions } from "../shell/palette-actions.ts";
import { omitUndefined } from "../shell/url.ts";
import { formatCount } from "../words/numbers.ts";
import { EndpointDialog } from "./endpoint-dialog.tsx";
import { EndpointSecret } from "./endpoint-dialogs.tsx";
import { EndpointView } from "./endpoint-view.tsx";
import { ListPanel } from "./list-panel.tsx";
import styles from "./settings.module.css";
import {
  endpointsQuery,
  type EndpointWithSecret,
  type WebhookEndpoint,
} from "./webhook-queries.ts";
import { EndpointChip, kindWords } from "./webhook-words.tsx";

/** The places to which events are POSTed: all of them, or the one in the address. */
export function WebhooksTab() {
  const { endpoint } = useSearch({ from: "/settings" });
  return endpoint === undefined ? <Endpoints /> : <EndpointView key={endpoint} id={endpoint} />;
}

function Endpoints() {
  const [over, setOver] = useState<"create" | EndpointWithSecret | null>(null);
  const { cursor } = useSearch({ from: "/settings" });
  const page = useQuery({
    ...endpointsQuery(omitUndefined({ cursor })),
    placeholderData: keepPreviousData,
  });
  const create = () => setOver("create");
  usePaletteActions([{ name: "Create a webhook", icon: "webhook", act: create }]);
  const close = () => setOver(null);
  return (
    <>
      <div className={styles.above}>
        <span className="muted">
          Events, such as bounces and clicks, are POSTed to these URLs, signed as Standard Webhooks
          says.
        </span>
        <Button kind="primary" needs="admin" onClick={create}>
          Create a webhook
        </Button>
      </div>
      <ListPanel
        page={page}
        what="the webhooks"
        empty={
          <Empty icon="webhook" title="No webhooks yet">
            A webhook lets another service know at once what became of messages: that they arrived,
            were opened, bounced, or that somebody unsubscribed.
          </Empty>
        }
      >
        {(endpoints) => <EndpointTable endpoints={endpoints} />}
      </ListPanel>
      {over === "create" && <EndpointDialog onClose={close} onMade={setOver} />}
      {over !== null && over !== "create" && <EndpointSecret made={over} onClose={close} />}
    </>
  );
}

function EndpointTable({ endpoints }: { endpoints: readonly WebhookEndpoint[] }) {
  const zone = useZone();
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <thead>
          <tr>
            <th>Webhook</th>
            <th>State</th>
            <th className={table.wide}>Events</th>
            <th className={`${table.wide} ${table.number}`}>Waiting</th>
            <th className={table.wide}>Last accepted ({zone})</th>
          </tr>
        </thead>
        <tbody>
          {endpoints.map((endpoint) => {
            const { id, description, url, kinds, waiting, lastSuccessAt } = endpoint;
            return (
              <tr key={id}>
                <td className={styles.endpoint}>
                  <Link
                    to="/settings"
                    search={{ tab: "webhooks", endpoint: id }}
                    className={table.name}
                  >
                    {description}
                  </Link>
                  <span className={`muted ${styles.url}`} title={url}>
                    {url}
                  </span>
                </td>
                <td>
                  <EndpointChip endpoint={endpoint} />
                </td>
                <td className={table.wide} title={kinds.map((kind) => kindWords[kind]).join(", ")}>
                  {kinds.length === 1 ? kindWords[kinds[0]!] : `${kinds.length} kinds`}
                </td>
                <td className={`${table.wide} ${table.number}`}>{formatCount(waiting)}</td>
                <td className={table.wide}>
                  {lastSuccessAt === null ? (
                    <span className="muted">never</span>
                  ) : (
                    <ShortInstant at={lastSuccessAt} />
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
