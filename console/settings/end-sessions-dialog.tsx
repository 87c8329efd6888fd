import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useSession } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { endSessionsOf, type Operator } from "./queries.ts";

/** Signs an operator out of all browsers. */
export function EndSessionsDialog({
  operator,
  onClose,
}: {
  operator: Operator;
  onClose: () => void;
}) {
  const { id, name } = operator;
  const { actor } = useSession();
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => endSessionsOf(id),
    onSuccess: async () => {
      onClose();
      showToast(`The sessions of ${name} are ended.`, { icon: "stop" });
      await client.invalidateQueries();
    },
  });
  return (
    <Dialog
      title={`End the sessions of ${name}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Keep the sessions</Button>
          <Button kind="danger" needs="admin" disabled={end.isPending} onClick={() => end.mutate()}>
            End the sessions
          </Button>
        </>
      }
    >
      <p>
        Every browser in which they are signed in is signed out within two seconds. They may sign in
        again as long as the OpenID provider lets them and one of their groups has a role: to keep
        somebody out, remove them from these groups first.
      </p>
      {id === actor && (
        <p>
          <strong>These are your own sessions.</strong> You will be signed out.
        </p>
      )}
      {end.error && <ProblemBanner error={end.error} />}
    </Dialog>
  );
}
