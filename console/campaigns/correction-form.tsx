import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { useConfirmNumber } from "../parts/confirm-number.tsx";
import { Check, Field, Fields, useApiForm } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { templatesQuery } from "../templates/queries.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";
import type { Campaign, Recall } from "./queries.ts";
import styles from "./recall-tab.module.css";

interface CorrectionFormProps {
  campaign: Campaign;
  /** The account of the recall; null if the campaign was not recalled. */
  recall: Recall | null;
  /** How many recipients the campaign missed: their deliveries failed. */
  missed: number;
}

interface Values {
  name: string;
  template: { key: string };
  /** JSON. */
  data: string;
  to: "received" | "missed";
  includeUnknown: boolean;
  start: boolean;
}

/** Sends another message to those who received a recalled campaign, or to those that a finished one missed. */
export function CorrectionForm({ campaign, recall, missed }: CorrectionFormProps) {
  const { id, name, template, data } = campaign;
  const [key] = useState(() => crypto.randomUUID());
  const templates = useQuery(templatesQuery({ archived: "false", limit: "200" }));
  const client = useQueryClient();
  const navigate = useNavigate();
  const form = useApiForm<Values>({
    defaultValues: {
      name: `Correction of ${name}`.slice(0, 200),
      template: { key: template.key },
      data: JSON.stringify(data, null, 2),
      to: recall === null ? "missed" : "received",
      includeUnknown: false,
      start: true,
    },
    send: async ({ data: text, to, includeUnknown, ...wanted }) => {
      const created = await answerOf(
        api.v1.campaigns[":id"].correction.$post({
          param: { id },
          json: {
            ...wanted,
            to,
            data: JSON.parse(text) as Record<string, unknown>,
            includeUnknown: to === "received" && includeUnknown,
          },
          header: { "idempotency-key": key },
        }),
      );
      showToast(wanted.start ? "The correction starts." : "The correction is a draft.");
      void client.invalidateQueries();
      void navigate({ to: "/campaigns/$id", params: { id: created.id } });
    },
  });
  const { to, includeUnknown, start } = form.watch();
  const { errors, isSubmitting } = form.formState;
  const count =
    to === "missed"
      ? missed
      : (recall?.received ?? 0) + (includeUnknown ? (recall?.mayHaveReceived ?? 0) : 0);
  const confirmation = useConfirmNumber(start ? count : undefined);
  const keys = templates.data?.items.map((each) => each.key) ?? [];
  return (
    <form className={styles.form} onSubmit={form.submit} noValidate>
      <p>
        The correction is a campaign of its own, with the type, guarantee, throttle and sender of
        this one.
      </p>
      <Fields>
        <fieldset>
          <legend>To whom</legend>
          <Check {...form.register("to")} type="radio" value="received" disabled={recall === null}>
            Those who received it
            <span className="muted">
              {recall === null
                ? ": recall the campaign first"
                : `: ${formatCount(recall.received)}`}
            </span>
          </Check>
          <Check {...form.register("to")} type="radio" value="missed" disabled={missed === 0}>
            Those that it missed, because their delivery failed
            <span className="muted">: {formatCount(missed)}</span>
          </Check>
          {to === "received" && recall !== null && (
            <Check {...form.register("includeUnknown")}>
              Also those who may have received it
              <span className="muted">: {formatCount(recall.mayHaveReceived)}</span>
            </Check>
          )}
        </fieldset>
        <Field label="Name" error={errors.name?.message}>
          {(control) => (
            <input {...control} {...form.register("name")} maxLength={200} autoComplete="off" />
          )}
        </Field>
        <Field
          label="Template"
          hint="Its active version is used."
          error={errors.template?.key?.message}
        >
          {(control) => (
            <select {...control} {...form.register("template.key")}>
              {(keys.includes(template.key) ? keys : [template.key, ...keys]).map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          )}
        </Field>
        <Field
          label="Data"
          hint="The values of the template’s variables, as JSON."
          error={errors.data?.message}
        >
          {(control) => (
            <textarea
              {...control}
              {...form.register("data", { validate: (text) => isObject(text) || notAnObject })}
              rows={5}
              spellCheck={false}
            />
          )}
        </Field>
        <Check {...form.register("start")}>Start it at once. Otherwise it is a draft.</Check>
      </Fields>
      {confirmation.field}
      {form.problem !== null && <ProblemBanner error={form.problem} />}
      <Button
        type="submit"
        kind="primary"
        needs="sender"
        disabled={count === 0 || !confirmation.isConfirmed || isSubmitting}
      >
        {start
          ? `Send the correction to ${formatNoun(count, "recipient")}`
          : `Create the correction for ${formatNoun(count, "recipient")}`}
      </Button>
    </form>
  );
}

const notAnObject = 'must be a JSON object, such as {"discount": "25%"}';

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
