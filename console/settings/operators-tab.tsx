import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useSession, waysToSignInQuery } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Segments } from "../parts/segments.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { omitUndefined } from "../shell/url.ts";
import { capitalise } from "../words/statuses.ts";
import { EndSessionsDialog } from "./end-sessions-dialog.tsx";
import { ListPanel } from "./list-panel.tsx";
import { type Operator, operatorsQuery } from "./queries.ts";
import styles from "./settings.module.css";

/** The people who sign in through the OpenID provider. */
export function OperatorsTab() {
  const { cursor, state } = useSearch({ from: "/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const page = useQuery({
    ...operatorsQuery(omitUndefined({ cursor, state })),
    placeholderData: keepPreviousData,
  });
  const { data: ways } = useQuery(waysToSignInQuery);
  const choose = (chosen: "all" | "signed-in" | "signed-out") =>
    void navigate({
      search: (before) => ({
        ...before,
        cursor: undefined,
        state: chosen === "all" ? undefined : chosen,
      }),
    });
  const isNobody = state === undefined && page.data?.items.length === 0;
  return (
    <>
      {!isNobody && (
        <div className={styles.above}>
          <Segments
            label="Which operators"
            values={{ all: "All", "signed-in": "Signed in", "signed-out": "Not signed in" }}
            chosen={state ?? "all"}
            onChange={choose}
          />
          {ways?.openId === false && (
            <span className="muted">
              No OpenID provider is configured any more, so nobody can sign in this way.
            </span>
          )}
        </div>
      )}
      <ListPanel
        page={page}
        what="the operators"
        empty={
          state !== undefined ? (
            <FilteredToNothing what="operators" onClear={() => choose("all")} />
          ) : ways?.openId === false ? (
            <NotConfigured />
          ) : (
            <Empty icon="person" title="Nobody has signed in with your organisation yet">
              Everybody who signs in through the OpenID provider is listed here from then on.
            </Empty>
          )
        }
      >
        {(operators) => <OperatorTable operators={operators} />}
      </ListPanel>
    </>
  );
}

/** Says how people can sign in without keys. */
function NotConfigured() {
  const { links } = useSession();
  return (
    <Empty
      icon="person"
      title="No OpenID provider is configured"
      actions={
        <a href={`${links.docs}#/session/getSessionOidc`} target="_blank" rel="noreferrer">
          How to configure it
        </a>
      }
    >
      With one, people sign in with the account of their organisation and need no keys, and their
      groups decide what they may do. Set <code>OIDC_ISSUER</code>, <code>OIDC_CLIENT_ID</code>,{" "}
      <code>OIDC_CLIENT_SECRET</code> and <code>OIDC_ROLES</code> for the API.
    </Empty>
  );
}

/** An issuer without what all have in common. */
const shortenIssuer = (issuer: string) => issuer.replace(/^https?:\/\//, "").replace(/\/$/, "");

function OperatorTable({ operators }: { operators: readonly Operator[] }) {
  const zone = useZone();
  const { actor } = useSession();
  const [ending, setEnding] = useState<Operator | null>(null);
  return (
    <>
      <div className={table.scroll}>
        <table className={table.table}>
          <thead>
            <tr>
              <th>Who</th>
              <th>Role</th>
              <th className={table.wide}>Provider</th>
              <th className={table.wide}>First seen ({zone})</th>
              <th className={table.wide}>Last seen ({zone})</th>
              <th className={table.number}>Sessions</th>
              <th>
                <span className="hidden-text">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {operators.map((operator) => {
              const { id, name, role, issuer, createdAt, lastSeenAt, sessions } = operator;
              return (
                <tr key={id}>
                  <td>
                    <Link to="/audit" search={{ actor: id }} className={table.name} title={id}>
                      {name}
                    </Link>
                    {id === actor && <span className="muted"> (you)</span>}
                  </td>
                  <td>
                    {role === null ? <span className="muted">not known</span> : capitalise(role)}
                  </td>
                  <td className={`${table.wide} ${styles.path}`} title={issuer}>
                    {shortenIssuer(issuer)}
                  </td>
                  <td className={table.wide}>
                    <ShortInstant at={createdAt} />
                  </td>
                  <td className={table.wide}>
                    <ShortInstant at={lastSeenAt} />
                  </td>
                  <td className={table.number}>{sessions}</td>
                  <td className={styles.actions}>
                    <Button
                      needs="admin"
                      aria-label={`End the sessions of ${name}`}
                      disabled={sessions === 0}
                      onClick={() => setEnding(operator)}
                    >
                      End sessions
                    </Button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {ending && <EndSessionsDialog operator={ending} onClose={() => setEnding(null)} />}
    </>
  );
}
