import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { includesRole, useSession } from "../api/session.ts";
import { ActorName } from "../parts/actor-name.tsx";
import { Button } from "../parts/button.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { showToast } from "../parts/toast.tsx";
import { linkOfView } from "../views/address.ts";
import { deleteView, saveView, type SavedView, viewsQuery } from "../views/queries.ts";
import styles from "./settings.module.css";

/** The saved views: one's own, and those that others share. */
export function ViewsTab() {
  const { data, error, refetch } = useQuery(viewsQuery);
  return (
    <Panel isFlush>
      {data ? (
        data.length > 0 ? (
          <ViewTable views={data} />
        ) : (
          <Empty icon="star" title="No saved views yet">
            A view is a name for the address of a page with its filters. Set filters in a list, and
            save it with the star above.
          </Empty>
        )
      ) : error ? (
        <Failed what="the saved views" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the saved views" />
      )}
    </Panel>
  );
}

function ViewTable({ views }: { views: readonly SavedView[] }) {
  const { role } = useSession();
  const client = useQueryClient();
  const reload = () => client.invalidateQueries({ queryKey: viewsQuery.queryKey });
  const remove = useMutation({
    mutationFn: ({ id }: SavedView) => deleteView(id),
    onSuccess: (_, { name, path, isShared, isMine }) =>
      showToast(`The view ${name} is deleted.`, {
        // A view of somebody else would come back as one of one's own.
        ...(isMine && { undo: () => void saveView({ name, path, isShared }).then(reload) }),
      }),
    onSettled: reload,
  });
  return (
    <>
      {remove.error && <ProblemBanner error={remove.error} />}
      <table className={table.table}>
        <thead>
          <tr>
            <th>Name</th>
            <th className={table.wide}>Address</th>
            <th>Seen by</th>
            <th className={table.wide}>Saved by</th>
            <th>
              <span className="hidden-text">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {views.map((view) => (
            <tr key={view.id}>
              <td>
                <Link {...linkOfView(view.path)} className={table.name}>
                  {view.name}
                </Link>
              </td>
              <td className={`${table.wide} ${styles.path}`}>
                <code>{view.path}</code>
              </td>
              <td>{view.isShared ? "Everybody" : "You"}</td>
              <td className={table.wide}>
                <ActorName id={view.createdBy} />
              </td>
              <td className={styles.actions}>
                <Button
                  {...(!view.isMine && { needs: "admin" as const })}
                  aria-label={`Delete the view ${view.name}`}
                  disabled={remove.isPending || (!view.isMine && !includesRole(role, "admin"))}
                  onClick={() => remove.mutate(view)}
                >
                  Delete
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
