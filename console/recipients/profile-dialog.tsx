import { useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field, Fields, useApiForm } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { ThreeWay } from "../parts/three-way.tsx";
import { findDifferences, mergeFields } from "../parts/three-way-merge.ts";
import { showToast } from "../parts/toast.tsx";
import { patchRecipient, reveal, type Revealed } from "./actions.ts";
import { mergePatchBetween } from "./merge-patch.ts";
import { describeField, fieldsOf, nameOfField, profileOf } from "./profile-fields.ts";
import { recipientQuery } from "./queries.ts";

interface Values {
  email: string;
  phone: string;
  timeZone: string;
  locale: string;
  attributes: string;
}

const zones = Intl.supportedValuesOf("timeZone");

/** Reads the attributes that were typed; undefined if they are no JSON object. */
function readAttributes(typed: string): Profile["attributes"] | undefined {
  try {
    const value: unknown = JSON.parse(typed);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Profile["attributes"])
      : undefined;
  } catch {
    return undefined;
  }
}

type Profile = ReturnType<typeof profileOf>;

const toValues = ({ email, phone, timeZone, locale, attributes }: Profile): Values => ({
  email: email ?? "",
  phone: phone ?? "",
  timeZone,
  locale,
  attributes: JSON.stringify(attributes, null, 2),
});

const fromValues = (values: Values): Profile => ({
  email: values.email.trim() === "" ? null : values.email.trim(),
  phone: values.phone.trim() === "" ? null : values.phone.trim(),
  timeZone: values.timeZone,
  locale: values.locale,
  attributes: readAttributes(values.attributes)!,
});

/** A recipient with nothing masked, and the version that this is. */
export type RevealedVersion = Revealed & { etag: string };

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** Edits the profile of a recipient whose addresses are revealed. Only what was changed is sent. */
export function ProfileDialog({
  recipient,
  onClose,
}: {
  recipient: RevealedVersion;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const list = useId();
  const { id } = recipient;
  /** The version on which the edit is based. */
  const [base, setBase] = useState(recipient);
  /** The version that somebody else has saved meanwhile. */
  const [theirs, setTheirs] = useState<RevealedVersion | null>(null);
  const form = useApiForm<Values>({
    defaultValues: toValues(recipient),
    async send(values) {
      const { email, phone, timeZone, locale, attributes } = base;
      const before = { email, phone, timeZone, locale, attributes };
      const patch = mergePatchBetween(before, fromValues(values));
      if (Object.keys(patch).length > 0) {
        try {
          await patchRecipient(id, base.etag, patch);
        } catch (error) {
          if (!(error instanceof ApiProblem && error.status === 412)) throw error;
          const { etag } = await client.fetchQuery({ ...recipientQuery(id), staleTime: 0 });
          return setTheirs({ ...(await reveal(id)), etag });
        }
        showToast("The profile is saved.");
        void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey.includes(id) });
        void client.invalidateQueries({ queryKey: ["recipients"] });
      }
      onClose();
    },
  });
  if (theirs !== null) {
    const typed = fromValues(form.getValues());
    const compared = [base, typed, theirs];
    const mine = fieldsOf(typed, compared);
    const differences = findDifferences(
      fieldsOf(base, compared),
      mine,
      fieldsOf(theirs, compared),
      isSame,
    );
    return (
      <ThreeWay
        differences={differences}
        nameOf={nameOfField}
        describe={describeField}
        onClose={() => setTheirs(null)}
        onMerge={(chosen) => {
          const merged = mergeFields(mine, differences, chosen);
          if (merged === undefined) return;
          form.reset(toValues(profileOf(merged)));
          setBase(theirs);
          setTheirs(null);
        }}
      />
    );
  }
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
