import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useSession } from "../api/session.ts";
import { ActorName } from "../parts/actor-name.tsx";
import { Button } from "../parts/button.tsx";
import { Check } from "../parts/form.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Empty } from "../parts/states.tsx";
import { Chip } from "../parts/status-chip.tsx";
import table from "../parts/table.module.css";
import { usePaletteActions } from "../shell/palette-actions.ts";
import { omitUndefined } from "../shell/url.ts";
import { capitalise } from "../words/statuses.ts";
import { CreateKeyDialog } from "./create-key-dialog.tsx";
import { ListPanel } from "./list-panel.tsx";
import { RevokeDialog, RotateDialog } from "./key-dialogs.tsx";
import { type ApiKey, keysQuery, type KeyWithSecret } from "./queries.ts";
import { SecretDialog } from "./secret-dialog.tsx";
import styles from "./settings.module.css";

type Over =
  | { kind: "create" }
  | { kind: "rotate" | "revoke"; key: ApiKey }
  | { kind: "secret"; key: KeyWithSecret };

/** The API keys: who has which access, and until when. */
export function KeysTab() {
  const [over, setOver] = useState<Over | null>(null);
  const { cursor, keys } = useSearch({ from: "/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const page = useQuery({
    ...keysQuery(omitUndefined({ state: keys === "all" ? undefined : "active", cursor })),
    placeholderData: keepPreviousData,
  });
  usePaletteActions([
    { name: "Create an API key", icon: "shield", act: () => setOver({ kind: "create" }) },
  ]);
  const close = () => setOver(null);
  const showSecret = (key: KeyWithSecret) => setOver({ kind: "secret", key });
  return (
    <>
      <div className={styles.above}>
        <Check
          checked={keys === "all"}
          onChange={({ target }) =>
            void navigate({
              search: (before) => ({
                ...before,
                cursor: undefined,
                keys: target.checked ? "all" : undefined,
              }),
            })
          }
        >
          Also keys that have expired or been revoked
        </Check>
        <Button kind="primary" needs="admin" onClick={() => setOver({ kind: "create" })}>
          Create a key
        </Button>
      </div>
      <ListPanel
        page={page}
        what="the API keys"
        empty={
          <Empty icon="shield" title="No API keys yet">
            Give each person and each service a key of its own, with the least role that it needs.
            Each can then be revoked alone, and the audit trail says who did what.
          </Empty>
        }
      >
        {(keys) => <KeyTable keys={keys} onAsk={(kind, key) => setOver({ kind, key })} />}
      </ListPanel>
      {over?.kind === "create" && <CreateKeyDialog onClose={close} onMade={showSecret} />}
      {over?.kind === "rotate" && (
        <RotateDialog apiKey={over.key} onClose={close} onMade={showSecret} />
      )}
      {over?.kind === "revoke" && <RevokeDialog apiKey={over.key} onClose={close} />}
      {over?.kind === "secret" && (
        <SecretDialog made={over.key} onClose={close}>
          This is the only time that it is shown: only a hash of it is stored. Put it where the
          person or the service finds it, such as a password manager.
        </SecretDialog>
      )}
    </>
  );
}

const stateLooks = {
  active: { tone: "delivered", icon: "check" },
  expired: { tone: "cancelled", icon: "clock" },
  revoked: { tone: "failed", icon: "stop" },
} as const;

function KeyTable({
  keys,
  onAsk,
}: {
  keys: readonly ApiKey[];
  onAsk: (kind: "rotate" | "revoke", key: ApiKey) => void;
}) {
  const zone = useZone();
  const { keyId } = useSession();
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <thead>
          <tr>
            <th>Name</th>
            <th>Role</th>
            <th className={table.wide}>Last used ({zone})</th>
            <th className={table.wide}>Expires ({zone})</th>
            <th className={table.wide}>Created by</th>
            <th>
              <span className="hidden-text">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <td>
                <strong>{key.name}</strong>
                {key.id === keyId && <span className="muted"> (yours)</span>}
                <br />
                <code className="muted">{key.prefix}…</code>{" "}
                {key.state !== "active" && (
                  <Chip {...stateLooks[key.state]} word={capitalise(key.state)} />
                )}
              </td>
              <td>
                {capitalise(key.role)}
                {key.scopes && (
                  <span className={`muted ${styles.scopes}`} title={key.scopes.join(", ")}>
                    {key.scopes.length === 1 ? key.scopes[0] : `${key.scopes.length} scopes`}
                  </span>
                )}
              </td>
              <td className={table.wide}>
                {key.lastUsedAt === null ? (
                  <span className="muted">never</span>
                ) : (
                  <ShortInstant at={key.lastUsedAt} />
                )}
              </td>
              <td className={table.wide}>
                {key.expiresAt === null ? (
                  <span className="muted">never</span>
                ) : (
                  <ShortInstant at={key.expiresAt} />
                )}
              </td>
              <td className={table.wide}>
                <ActorName id={key.createdBy} />
              </td>
              <td className={styles.actions}>
                {key.state === "active" && (
                  <>
                    <Button
                      needs="admin"
                      aria-label={`Rotate ${key.name}`}
                      onClick={() => onAsk("rotate", key)}
                    >
                      Rotate
                    </Button>
                    <Button
                      needs="admin"
                      aria-label={`Revoke ${key.name}`}
                      onClick={() => onAsk("revoke", key)}
                    >
                      Revoke
                    </Button>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
