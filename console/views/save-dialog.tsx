import { useQueryClient } from "@tanstack/react-query";
import { includesRole, useSession } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check, Field, Fields, useApiForm } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { readViewPath } from "./address.ts";
import { deleteView, saveView, viewsQuery } from "./queries.ts";

/** Saves the address of the page under a name. */
export default function SaveViewDialog({ onClose }: { onClose: () => void }) {
  const { role } = useSession();
  const client = useQueryClient();
  const reload = () => client.invalidateQueries({ queryKey: viewsQuery.queryKey });
  const path = readViewPath(location);
  const mayShare = includesRole(role, "sender");
  const { register, submit, problem, formState } = useApiForm<{ name: string; isShared: boolean }>({
    defaultValues: { name: "", isShared: false },
    async send({ name, isShared }) {
      const { id } = await saveView({ name, path, isShared });
      onClose();
      showToast(`The view ${name} is saved.`, {
        icon: "star",
        undo: () => void deleteView(id).then(reload),
      });
      await reload();
    },
  });
  return (
    <Dialog
      title="Save this view"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Do not save</Button>
          <Button kind="primary" disabled={formState.isSubmitting} onClick={() => submit()}>
            Save
          </Button>
        </>
      }
    >
      <form onSubmit={submit} noValidate>
        <Fields>
          <p className="muted">
            A view is a name for the address of this page, with its filters: <code>{path}</code>
          </p>
          <Field label="Name" error={formState.errors.name?.message}>
            {(control) => (
              <input
                {...control}
                {...register("name")}
                autoComplete="off"
                maxLength={80}
                autoFocus
              />
            )}
          </Field>
          <Check {...register("isShared")} disabled={!mayShare}>
            Share it with everybody
            {!mayShare && <span className="muted"> (needs the role sender)</span>}
          </Check>
          {problem !== null && <ProblemBanner error={problem} />}
        </Fields>
      </form>
    </Dialog>
  );
}
