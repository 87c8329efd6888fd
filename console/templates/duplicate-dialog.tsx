import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field, Fields, useApiForm } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { duplicateTemplate } from "./actions.ts";
import type { TemplateSummary } from "./queries.ts";

/** Copies a version to a new template, whose key and name are asked for. */
export function DuplicateDialog({
  template,
  version,
  onClose,
  onDone,
}: {
  template: Pick<TemplateSummary, "key" | "name">;
  version: number;
  onClose: () => void;
  /** Called with the key of the copy. */
  onDone: (key: string) => void;
}) {
  const client = useQueryClient();
  const [request] = useState(() => crypto.randomUUID());
  const form = useApiForm({
    defaultValues: {
      key: `${template.key}-copy`.slice(0, 100),
      name: `Copy of ${template.name}`.slice(0, 200),
    },
    async send(values) {
      await duplicateTemplate(template.key, { ...values, version }, `${request}-${values.key}`);
      showToast(`The copy is the template ${values.key}.`, { icon: "duplicate" });
      void client.invalidateQueries({ queryKey: ["templates"] });
      onClose();
      onDone(values.key);
    },
  });
  const { errors, isSubmitting } = form.formState;
  return (
    <Dialog
      title={`Duplicate version ${version}: ${template.name}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" needs="sender" disabled={isSubmitting} onClick={form.submit}>
            Create the copy
          </Button>
        </>
      }
    >
      <form onSubmit={form.submit}>
        <Fields>
          <Field label="Key" hint="By which requests name it" error={errors.key?.message}>
            {(control) => <input {...control} {...form.register("key")} autoComplete="off" />}
          </Field>
          <Field label="Name" error={errors.name?.message}>
            {(control) => <input {...control} {...form.register("name")} autoComplete="off" />}
          </Field>
        </Fields>
        {/* Enter sends a form only if it has a button. */}
        <button type="submit" hidden>
          Create the copy
        </button>
      </form>
      {form.problem != null && <ProblemBanner error={form.problem} />}
    </Dialog>
  );
}
