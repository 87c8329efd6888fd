import { useQueryClient } from "@tanstack/react-query";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check, Field, Fields, useApiForm } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { changeTopic, createTopic, type Topic } from "./queries.ts";

interface Values {
  key: string;
  name: string;
  description: string;
  /** A line for each language, such as `de: Neues`. */
  publicNames: string;
  optIn: Topic["optIn"];
  isPublic: boolean;
  confirmationTemplate: string;
}

/** Writes public names as lines, and reads them; undefined if a line is no name. */
const writeNames = (names: Record<string, string>) =>
  Object.entries(names)
    .map(([tag, name]) => `${tag}: ${name}`)
    .join("\n");
function readNames(typed: string): Record<string, string> | undefined {
  const lines = typed.split("\n").filter((line) => line.trim() !== "");
  const pairs = lines.map((line) => /^\s*([\w-]+)\s*:\s*(.+?)\s*$/.exec(line));
  return pairs.every((pair) => pair !== null)
    ? Object.fromEntries(pairs.map(([, tag, name]) => [tag!, name!]))
    : undefined;
}

/** Creates a topic, or edits the one that is given. */
export function TopicDialog({
  topic,
  onClose,
  onSaved,
}: {
  topic?: Omit<Topic, "subscribers"> & { etag: string };
  onClose: () => void;
  onSaved?: (key: string) => void;
}) {
  const client = useQueryClient();
  const form = useApiForm<Values>({
    defaultValues: {
      key: topic?.key ?? "",
      name: topic?.name ?? "",
      description: topic?.description ?? "",
      publicNames: writeNames(topic?.publicNames ?? {}),
      optIn: topic?.optIn ?? "double",
      isPublic: topic?.isPublic ?? true,
      confirmationTemplate: topic?.confirmationTemplate ?? "",
    },
    async send({ key, ...values }) {
      const body = {
        ...values,
        publicNames: readNames(values.publicNames)!,
        confirmationTemplate: values.confirmationTemplate.trim() || null,
      };
      if (topic) await changeTopic(topic.key, topic.etag, body);
      else await createTopic({ key, ...body });
      await client.invalidateQueries({ queryKey: ["topics"] });
      showToast(topic ? "The topic is saved." : "The topic is created.");
      onClose();
      onSaved?.(topic?.key ?? key);
    },
  });
  const { register, submit, problem, formState } = form;
  const errorOf = (name: keyof Values) => formState.errors[name]?.message;
  return (
    <Dialog
      title={topic ? "Edit the topic" : "New topic"}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="primary"
            needs="sender"
            disabled={formState.isSubmitting}
            onClick={() => submit()}
          >
            {topic ? "Save" : "Create"}
          </Button>
        </>
      }
    >
      <form onSubmit={submit} noValidate>
        <Fields>
          <Field label="Name" hint="What operators call it" error={errorOf("name")}>
            {(control) => <input {...control} {...register("name")} autoComplete="off" autoFocus />}
          </Field>
          {!topic && (
            <Field
              label="Key"
              hint="Part of addresses, such as newsletter. It cannot be changed later."
              error={errorOf("key")}
            >
              {(control) => (
                <input {...control} {...register("key")} autoComplete="off" spellCheck={false} />
              )}
            </Field>
          )}
          <Field
            label="Names for recipients"
            hint="One line for each language, such as de: Neues im Monat. The name above where there is none."
            error={errorOf("publicNames")}
          >
            {(control) => (
              <textarea
                {...control}
                {...register("publicNames", {
                  validate: (typed) =>
                    readNames(typed) !== undefined || "must have lines such as de: Neues im Monat",
                })}
                rows={3}
              />
            )}
          </Field>
          <Field label="Note" error={errorOf("description")}>
            {(control) => <input {...control} {...register("description")} autoComplete="off" />}
          </Field>
          <Field
            label="Opt-in"
            hint="The sign-up form always asks for confirmation by email."
            error={errorOf("optIn")}
          >
            {(control) => (
              <select {...control} {...register("optIn")}>
                <option value="double">Double: new subscribers confirm by email</option>
                <option value="single">Single: they are subscribed at once</option>
              </select>
            )}
          </Field>
          <Field
            label="Template of the confirmation"
            hint="The key of a template with the variables topics and confirmUrl. Empty for the one that comes with Tidings."
            error={errorOf("confirmationTemplate")}
          >
            {(control) => (
              <input {...control} {...register("confirmationTemplate")} autoComplete="off" />
            )}
          </Field>
          <Check {...register("isPublic")}>
            Public: it has a sign-up form, and recipients find it among their preferences
          </Check>
          {problem !== null && <ProblemBanner error={problem} />}
        </Fields>
      </form>
    </Dialog>
  );
}
