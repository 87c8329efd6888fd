import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { channels } from "../../domain/channel.ts";
import { priorities } from "../../domain/priority.ts";
import { Button, IconButton } from "../parts/button.tsx";
import { type ApiForm, Check, Field, Fields } from "../parts/form.tsx";
import { useZone } from "../parts/instant.tsx";
import { RecipientSearch } from "../parts/recipient-search.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { formatFull } from "../words/instants.ts";
import { toInstant } from "../words/local-input.ts";
import { formatNoun } from "../words/numbers.ts";
import { channelWords, priorityWords, toWords } from "../words/statuses.ts";
import { type NotifyValues, splitRecipients, type Variable } from "./notify-body.ts";
import type { Attached } from "./notify-dialog.tsx";
import { choicesQuery, readSegmentMembers, uploadFile } from "./notify-queries.ts";
import styles from "./notify.module.css";

type Form = ApiForm<NotifyValues>;

/** The channels that are implemented. */
const offeredChannels = channels.slice(0, 3);

interface NotifyFieldsProps {
  form: Form;
  kind: NotifyValues["kind"];
  variables: readonly Variable[];
  attached: readonly Attached[];
  onAttach: (attached: readonly Attached[]) => void;
}

/** The fields of a notification: to whom, what, and how. */
export function NotifyFields({ form, kind, variables, attached, onAttach }: NotifyFieldsProps) {
  const { data: choices, error } = useQuery(choicesQuery);
  const { register } = form;
  return (
    <Fields>
      {error && <ProblemBanner error={error} />}
      <fieldset className={styles.part}>
        <legend>To whom</legend>
        <Recipients form={form} segments={choices?.segments ?? []} />
      </fieldset>
      <fieldset className={styles.part}>
        <legend>What</legend>
        <div className={styles.choice} role="radiogroup" aria-label="Kind of message">
          <label>
            <input type="radio" value="template" {...register("kind")} /> A template
          </label>
          <label>
            <input type="radio" value="text" {...register("kind")} /> A plain text
          </label>
        </div>
        {kind === "template" ? (
          <TemplateFields form={form} templates={choices?.templates ?? []} variables={variables} />
        ) : (
          <TextFields form={form} />
        )}
      </fieldset>
      <fieldset className={styles.part}>
        <legend>How</legend>
        <Delivering form={form} types={choices?.types ?? []} />
        <Attachments attached={attached} onAttach={onAttach} />
      </fieldset>
    </Fields>
  );
}

function Recipients({
  form,
  segments,
}: {
  form: Form;
  segments: readonly { key: string; name: string }[];
}) {
  const text = form.watch("recipients");
  const [segment, setSegment] = useState("");
  const add = (ids: readonly string[]) =>
    form.setValue("recipients", splitRecipients([text, ...ids].join("\n")).join("\n"), {
      shouldDirty: true,
    });
  const fill = useMutation({ mutationFn: readSegmentMembers, onSuccess: add });
  const count = splitRecipients(text).length;
  return (
    <>
      <Field
        label="Recipients"
        hint={`${formatNoun(count, "recipient")}. External ids or ids such as rcp_…, one a line or separated by commas, at most 1,000.`}
        error={form.formState.errors.recipients?.message}
      >
        {(control) => <textarea rows={3} {...control} {...form.register("recipients")} />}
      </Field>
      <RecipientSearch label="Find a recipient" onChoose={(id) => add([id])} />
      {segments.length > 0 && (
        <div className={styles.line}>
          <Field label="Everybody in a segment">
            {(control) => (
              <select
                {...control}
                value={segment}
                onChange={({ target }) => setSegment(target.value)}
              >
                <option value="">Choose a segment</option>
                {segments.map(({ key, name }) => (
                  <option key={key} value={key}>
                    {name}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Button disabled={segment === "" || fill.isPending} onClick={() => fill.mutate(segment)}>
            {fill.isPending ? "Reading…" : "Add"}
          </Button>
        </div>
      )}
      {fill.error && (
        <p role="alert" className={styles.fault}>
          {fill.error.message}
        </p>
      )}
    </>
  );
}

function TemplateFields({
  form,
  templates,
  variables,
}: {
  form: Form;
  templates: readonly { key: string; name: string }[];
  variables: readonly Variable[];
}) {
  const { register, formState } = form;
  const { errors } = formState;
  return (
    <>
      <div className={styles.line}>
        <Field label="Template" error={errors.template?.key?.message}>
          {(control) => (
            <select {...control} {...register("template.key")}>
              <option value="">Choose a template</option>
              {templates.map(({ key, name }) => (
                <option key={key} value={key}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Version" error={errors.template?.version?.message}>
          {(control) => (
            <input
              {...control}
              inputMode="numeric"
              placeholder="active"
              size={8}
              {...register("template.version")}
            />
          )}
        </Field>
      </div>
      {variables.map((variable) => (
        <VariableField key={variable.name} form={form} variable={variable} />
      ))}
    </>
  );
}

function VariableField({ form, variable }: { form: Form; variable: Variable }) {
  const { name, title, description, isRequired, input, choices } = variable;
  const field = form.register(`data.${name}`);
  const values = input === "yes or no" ? ["yes", "no"] : choices;
  return (
    <Field
      label={`${title ?? toWords(name)}${isRequired ? "" : " (optional)"}`}
      hint={input === "json" ? `${description ?? ""} JSON`.trim() : description}
      error={form.formState.errors.data?.[name]?.message}
    >
      {(control) =>
        input === "json" ? (
          <textarea rows={2} className="mono" {...control} {...field} />
        ) : values.length > 0 ? (
          <select {...control} {...field}>
            <option value="">–</option>
            {values.map((value) => (
              <option key={value}>{value}</option>
            ))}
          </select>
        ) : (
          <input inputMode={input === "number" ? "decimal" : "text"} {...control} {...field} />
        )
      }
    </Field>
  );
}

function TextFields({ form }: { form: Form }) {
  const { register, formState } = form;
  const { errors } = formState;
  return (
    <>
      <Field label="Subject" error={errors.content?.subject?.message}>
        {(control) => <input {...control} {...register("content.subject")} />}
      </Field>
      <Field
        label="Text"
        hint="May be Liquid, such as {{ recipient.attributes.name }}."
        error={errors.content?.body?.message}
      >
        {(control) => <textarea rows={5} {...control} {...register("content.body")} />}
      </Field>
      <Field label="Link (optional)" error={errors.content?.url?.message}>
        {(control) => <input type="url" {...control} {...register("content.url")} />}
      </Field>
    </>
  );
}

function Delivering({
  form,
  types,
}: {
  form: Form;
  types: readonly { key: string; name: string }[];
}) {
  const { register, formState, watch } = form;
  const { errors } = formState;
  const zone = useZone();
  const sendAt = watch("sendAt");
  const at = sendAt === "" ? null : toInstant(sendAt, zone);
  return (
    <>
      <div className={styles.line}>
        <Field label="Type" hint="Without one it is never batched." error={errors.type?.message}>
          {(control) => (
            <select {...control} {...register("type")}>
              <option value="">None</option>
              {types.map(({ key, name }) => (
                <option key={key} value={key}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Priority" error={errors.priority?.message}>
          {(control) => (
            <select {...control} {...register("priority")}>
              <option value="">As the type says</option>
              {priorities.map((priority) => (
                <option key={priority} value={priority}>
                  {priorityWords[priority]}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <fieldset className={styles.channels}>
        <legend>Channels</legend>
        {offeredChannels.map((channel) => (
          <Check key={channel} value={channel} {...register("channels")}>
            {channelWords[channel]}
          </Check>
        ))}
        <p className="muted">
          None: the rules choose. Several: the first that reaches the recipient.
        </p>
      </fieldset>
      <Field
        label={`Not before (${zone})`}
        hint={
          at === null
            ? "At once if left empty."
            : `${formatFull(at, zone)}, that is ${formatFull(at, "UTC")}`
        }
        error={errors.sendAt?.message}
      >
        {(control) => <input type="datetime-local" {...control} {...register("sendAt")} />}
      </Field>
      <Field
        label="Deduplication key (optional)"
        hint="A recipient gets only one message with this key within the window of the policy."
        error={errors.dedupKey?.message}
      >
        {(control) => <input {...control} {...register("dedupKey")} />}
      </Field>
    </>
  );
}

function Attachments({
  attached,
  onAttach,
}: {
  attached: readonly Attached[];
  onAttach: (attached: readonly Attached[]) => void;
}) {
  const upload = useMutation({
    mutationFn: async (files: readonly File[]) => {
      const added: Attached[] = [];
      for (const file of files) added.push(await uploadFile(file));
      return added;
    },
    onSuccess: (added) => onAttach([...attached, ...added]),
  });
  return (
    <>
      <Field label="Attachments (optional)" hint="At most 10 files of 10 MiB in all, for email.">
        {(control) => (
          <input
            {...control}
            type="file"
            multiple
            disabled={upload.isPending}
            onChange={({ target }) => {
              upload.mutate([...(target.files ?? [])]);
              target.value = "";
            }}
          />
        )}
      </Field>
      {attached.length > 0 && (
        <ul className={styles.files}>
          {attached.map(({ id, filename }) => (
            <li key={id}>
              {filename}
              <IconButton
                icon="close"
                label={`Remove ${filename}`}
                onClick={() => onAttach(attached.filter((file) => file.id !== id))}
              />
            </li>
          ))}
        </ul>
      )}
      {upload.error && <ProblemBanner error={upload.error} />}
    </>
  );
}
