import { useQueryClient } from "@tanstack/react-query";
import { dayMs } from "../../domain/time/durations.ts";
import { includesRole as includesKeyRole, type Role, roles } from "../../domain/role.ts";
import { scopeRoles, type Scope, scopes } from "../../domain/scope.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check, Field, Fields, useApiForm } from "../parts/form.tsx";
import { Instant } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { ProblemBanner } from "../parts/states.tsx";
import { capitalise } from "../words/statuses.ts";
import { createKey, type KeyWithSecret } from "./queries.ts";
import styles from "./settings.module.css";

const roleMeanings: Record<Role, string> = {
  admin: "Everything, with keys, erasure and the policy.",
  sender: "Sends, and changes recipients, templates and campaigns.",
  viewer: "Reads everything but keys, sessions and the audit trail.",
  metrics: "Reads /metrics, and nothing else. It cannot sign in here.",
};

const lifetimes = [
  ["30", "In 30 days"],
  ["90", "In 90 days"],
  ["365", "In a year"],
  ["", "Never"],
] as const;

interface Values {
  name: string;
  role: Role;
  scopes: Scope[];
  days: string;
  requestsPerMinute: string;
}

/** Asks for what a new key may do, and creates it. */
export function CreateKeyDialog({
  onClose,
  onMade,
}: {
  onClose: () => void;
  onMade: (key: KeyWithSecret) => void;
}) {
  const client = useQueryClient();
  const now = useNow();
  const form = useApiForm<Values>({
    defaultValues: { name: "", role: "viewer", scopes: [], days: "365", requestsPerMinute: "" },
    async send(values) {
      const usable = values.scopes.filter((scope) => mayUse(values.role, scope));
      const made = await createKey({
        name: values.name,
        role: values.role,
        scopes: usable.length > 0 ? usable : null,
        expiresAt: expiryOf(values.days, new Date()),
        requestsPerMinute:
          values.requestsPerMinute.trim() === "" ? null : Number(values.requestsPerMinute),
      });
      onMade(made);
      await client.invalidateQueries({ queryKey: ["api-keys"] });
    },
  });
  const { register, submit, problem, formState, watch } = form;
  const { errors } = formState;
  const [role, days] = [watch("role"), watch("days")];
  const expiry = expiryOf(days, now);
  return (
    <Dialog
      title="Create an API key"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Do not create</Button>
          <Button
            kind="primary"
            needs="admin"
            disabled={formState.isSubmitting}
            onClick={() => submit()}
          >
            Create the key
          </Button>
        </>
      }
    >
      <form onSubmit={submit} noValidate>
        <Fields>
          <Field
            label="Name"
            hint="The person or the service that uses it. Everybody who can sign in sees this name beside changes."
            error={errors.name?.message}
          >
            {(control) => <input {...control} {...register("name")} autoComplete="off" autoFocus />}
          </Field>
          <Field label="Role" hint={roleMeanings[role]} error={errors.role?.message}>
            {(control) => (
              <select {...control} {...register("role")}>
                {[...roles].reverse().map((each) => (
                  <option key={each} value={each}>
                    {capitalise(each)}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field
            label="Expires"
            hint={expiry === null ? "It works until it is revoked." : <Instant at={expiry} />}
          >
            {(control) => (
              <select {...control} {...register("days")}>
                {lifetimes.map(([value, name]) => (
                  <option key={value} value={value}>
                    {name}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <details className={styles.more}>
            <summary>Limit it further</summary>
            <Fields>
              <Field
                label="Requests per minute"
                hint="Empty for the limit that this installation sets."
                error={errors.requestsPerMinute?.message}
              >
                {(control) => (
                  <input {...control} {...register("requestsPerMinute")} inputMode="numeric" />
                )}
              </Field>
              <fieldset className={styles.scopeList}>
                <legend>Scopes: none selected means everything that the role may do</legend>
                {scopes
                  .filter((scope) => mayUse(role, scope))
                  .map((scope) => (
                    <Check key={scope} value={scope} {...register("scopes")}>
                      <code>{scope}</code>
                    </Check>
                  ))}
                {errors.scopes?.message !== undefined && (
                  <p role="alert" className={styles.fault}>
                    {errors.scopes.message}
                  </p>
                )}
              </fieldset>
            </Fields>
          </details>
          {problem !== null && <ProblemBanner error={problem} />}
        </Fields>
      </form>
    </Dialog>
  );
}

const mayUse = (role: Role, scope: Scope) => includesKeyRole(role, scopeRoles[scope]);

const expiryOf = (days: string, now: Date): string | null =>
  days === "" ? null : new Date(now.getTime() + Number(days) * dayMs).toISOString();
