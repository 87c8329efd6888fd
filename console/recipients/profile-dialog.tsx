import { useQueryClient } from "@tanstack/react-query";
import { useId } from "react";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field, Fields, useApiForm } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { patchRecipient, type Revealed } from "./actions.ts";
import { mergePatchBetween } from "./merge-patch.ts";

interface Values {
  email: string;
  phone: string;
  timeZone: string;
  locale: string;
  attributes: string;
}

const zones = Intl.supportedValuesOf("timeZone");

/** Reads the attributes that were typed; undefined if they are no JSON object. */
function readAttributes(typed: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(typed);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Edits the profile of a recipient whose addresses are revealed. Only what was changed is sent. */
export function ProfileDialog({
  recipient,
  onClose,
}: {
  recipient: Revealed & { etag: string };
  onClose: () => void;
}) {
  const client = useQueryClient();
  const list = useId();
  const { id, etag, email, phone, timeZone, locale, attributes } = recipient;
  const before = { email, phone, timeZone, locale, attributes };
  const form = useApiForm<Values>({
    defaultValues: {
      email: email ?? "",
      phone: phone ?? "",
      timeZone,
      locale,
      attributes: JSON.stringify(attributes, null, 2),
    },
    async send(values) {
      const after = {
        email: values.email.trim() === "" ? null : values.email.trim(),
        phone: values.phone.trim() === "" ? null : values.phone.trim(),
        timeZone: values.timeZone,
        locale: values.locale,
        attributes: readAttributes(values.attributes)!,
      };
      const patch = mergePatchBetween(before, after);
      if (Object.keys(patch).length > 0) {
        await patchRecipient(id, etag, patch);
        showToast("The profile is saved.");
        void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey.includes(id) });
        void client.invalidateQueries({ queryKey: ["recipients"] });
      }
      onClose();
    },
  });
  const { register, formState } = form;
  const errorOf = (name: keyof Values) => formState.errors[name]?.message;
  const isBusy = formState.isSubmitting;
  return (
    <Dialog
      title="Edit the profile"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" needs="sender" disabled={isBusy} onClick={() => form.submit()}>
            Save
          </Button>
        </>
      }
    >
      <form onSubmit={form.submit}>
        <Fields>
          {form.problem !== null && <ProblemBanner error={form.problem} />}
          <Field label="Email" error={errorOf("email")}>
            {(control) => (
              <input {...control} type="text" autoComplete="off" {...register("email")} />
            )}
          </Field>
          <Field label="Phone" hint="In the form +4915112345678" error={errorOf("phone")}>
            {(control) => (
              <input {...control} type="text" autoComplete="off" {...register("phone")} />
            )}
          </Field>
          <Field
            label="Time zone"
            hint="What waits for quiet hours is decided again if it changes."
            error={errorOf("timeZone")}
          >
            {(control) => (
              <>
                <input {...control} type="text" list={list} {...register("timeZone")} />
                <datalist id={list}>
                  {zones.map((zone) => (
                    <option key={zone} value={zone}>
                      {zone}
                    </option>
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <Field label="Locale" hint="Such as de-AT" error={errorOf("locale")}>
            {(control) => <input {...control} type="text" {...register("locale")} />}
          </Field>
          <Field label="Attributes" hint="A JSON object" error={errorOf("attributes")}>
            {(control) => (
              <textarea
                {...control}
                className="mono"
                rows={8}
                spellCheck={false}
                {...register("attributes", {
                  validate: (typed) =>
                    readAttributes(typed) !== undefined || "must be a JSON object",
                })}
              />
            )}
          </Field>
        </Fields>
      </form>
    </Dialog>
  );
}
