import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useSession } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Empty, ProblemBanner } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { showToast } from "../parts/toast.tsx";
import { omitUndefined } from "../shell/url.ts";
import { capitalise } from "../words/statuses.ts";
import { ListPanel } from "./list-panel.tsx";
import { endSession, type ListedSession, sessionsQuery } from "./queries.ts";
import styles from "./settings.module.css";

/** The browsers that are signed in, with who uses them. */
export function SessionsTab() {
  const { cursor } = useSearch({ from: "/settings" });
  const page = useQuery({
    ...sessionsQuery(omitUndefined({ cursor })),
    placeholderData: keepPreviousData,
  });
  return (
    <ListPanel
      page={page}
      what="the sessions"
      empty={
        <Empty icon="person" title="Nobody is signed in">
          Each browser that signs in to the console has a session.
        </Empty>
      }
    >
      {(sessions) => <SessionTable sessions={sessions} />}
    </ListPanel>
  );
}

const ways = (actor: string) =>
  actor.startsWith("opr_")
    ? "OpenID provider"
    : actor === "bootstrap"
      ? "First API key"
      : "API key";

function SessionTable({ sessions }: { sessions: readonly ListedSession[] }) {
  const zone = useZone();
  const own = useSession();
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: (session: ListedSession) => endSession(session.id),
    onSuccess: (_, { name }) => showToast(`A session of ${name} is ended.`, { icon: "stop" }),
    onSettled: () => client.invalidateQueries({ queryKey: ["sessions"] }),
  });
  return (
    <>
      {end.error && <ProblemBanner error={end.error} />}
      <div className={table.scroll}>
        <table className={table.table}>
          <thead>
            <tr>
              <th>Who</th>
              <th>Role</th>
              <th className={table.wide}>Signed in with</th>
              <th className={table.wide}>Since ({zone})</th>
              <th className={table.wide}>Last used ({zone})</th>
              <th className={table.wide}>Ends ({zone})</th>
              <th>
                <span className="hidden-text">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {sessions.map((session) => {
              const { id, actor, name, role, createdAt, lastUsedAt, expiresAt } = session;
              // A session gets another id when its person proves who they are.
              const isOwn = id === own.id;
              return (
                <tr key={id}>
                  <td>
                    <Link to="/audit" search={{ actor }} className={table.name} title={actor}>
                      {name}
                    </Link>
                    {isOwn && <span className="muted"> (this browser)</span>}
                  </td>
                  <td>{capitalise(role)}</td>
                  <td className={table.wide}>{ways(actor)}</td>
                  <td className={table.wide}>
                    <ShortInstant at={createdAt} />
                  </td>
                  <td className={table.wide}>
                    <ShortInstant at={lastUsedAt} />
                  </td>
                  <td className={table.wide}>
                    <ShortInstant at={expiresAt} />
                  </td>
                  <td className={styles.actions}>
                    <Button
                      needs="admin"
                      aria-label={`End a session of ${name}`}
                      disabled={isOwn || end.isPending}
                      title={isOwn ? "Sign out in the menu under your name" : undefined}
                      onClick={() => end.mutate(session)}
                    >
                      End
                    </Button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}
