import { useQueryClient } from "@tanstack/react-query";
import type { SubscribableKind } from "../../domain/event-kinds.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check, Field, Fields, useApiForm } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import styles from "./settings.module.css";
import {
  changeEndpoint,
  createEndpoint,
  type EndpointWithSecret,
  type WebhookEndpoint,
} from "./webhook-queries.ts";
import { kindWords, shownKinds } from "./webhook-words.tsx";

interface Values {
  url: string;
  description: string;
  kinds: SubscribableKind[];
  types: string;
  campaign: string;
}

const presetKinds: SubscribableKind[] = [
  "delivery.bounced",
  "delivery.complained",
  "recipient.unsubscribed",
];

interface EndpointDialogProps {
  /** The endpoint to change; a new one is created without it. */
  endpoint?: WebhookEndpoint;
  onClose: () => void;
  onMade?: (made: EndpointWithSecret) => void;
}

/** Creates a webhook endpoint, or changes one. */
export function EndpointDialog({ endpoint, onClose, onMade }: EndpointDialogProps) {
  const client = useQueryClient();
  const form = useApiForm<Values>({
    defaultValues: {
      url: endpoint?.url ?? "https://",
      description: endpoint?.description ?? "",
      kinds: endpoint?.kinds ?? presetKinds,
      types: endpoint?.types.join(" ") ?? "",
      campaign: endpoint?.campaign ?? "",
    },
    async send({ url, description, kinds, types, campaign }) {
      const wanted = {
        url: url.trim(),
        description,
        kinds,
        types: types.split(/[\s,]+/).filter(Boolean),
        campaign: campaign.trim() === "" ? null : campaign.trim(),
      };
      if (endpoint) {
        await changeEndpoint(endpoint.id, wanted);
        onClose();
        showToast(`The webhook ${description} is saved.`);
      } else onMade?.(await createEndpoint(wanted));
      await client.invalidateQueries({ queryKey: ["webhook-endpoints"] });
    },
  });
  const { register, submit, problem, formState } = form;
  const { errors } = formState;
  return (
    <Dialog
      title={endpoint ? `Edit ${endpoint.description}` : "Create a webhook"}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{endpoint ? "Discard" : "Do not create"}</Button>
          <Button
            kind="primary"
            needs="admin"
            disabled={formState.isSubmitting}
            onClick={() => submit()}
          >
            {endpoint ? "Save" : "Create the webhook"}
          </Button>
        </>
      }
    >
      <form onSubmit={submit} noValidate>
        <Fields>
          <Field
            label="Name"
            hint="What receives the events, such as the name of a service."
            error={errors.description?.message}
          >
            {(control) => (
              <input {...control} {...register("description")} autoComplete="off" autoFocus />
            )}
          </Field>
          <Field
            label="URL"
            hint="Events are POSTed there. Private addresses are refused unless the operator allows them."
            error={errors.url?.message}
          >
            {(control) => (
              <input
                {...control}
                {...register("url")}
                type="url"
                autoComplete="off"
                spellCheck={false}
              />
            )}
          </Field>
          <fieldset className={styles.scopeList}>
            <legend>Events</legend>
            {shownKinds.map((kind) => (
              <Check key={kind} value={kind} title={kind} {...register("kinds")}>
                {kindWords[kind]}
              </Check>
            ))}
            {errors.kinds?.message !== undefined && (
              <p role="alert" className={styles.fault}>
                {errors.kinds.message}
              </p>
            )}
          </fieldset>
          <details
            className={styles.more}
            open={(endpoint?.types.length ?? 0) > 0 || endpoint?.campaign != null}
          >
            <summary>Only for some messages</summary>
            <Fields>
              <Field
                label="Notification types"
                hint="Their keys, separated by spaces. Empty for all."
                error={errors.types?.message}
              >
                {(control) => <input {...control} {...register("types")} spellCheck={false} />}
              </Field>
              <Field
                label="Campaign"
                hint="Its id, cmp_… Empty for all campaigns and notifications."
                error={errors.campaign?.message}
              >
                {(control) => <input {...control} {...register("campaign")} spellCheck={false} />}
              </Field>
            </Fields>
          </details>
          {problem !== null && <ProblemBanner error={problem} />}
        </Fields>
      </form>
    </Dialog>
  );
}
