import { type BaseSyntheticEvent, type ReactNode, useId, useState } from "react";
import {
  type DefaultValues,
  type FieldPath,
  type FieldValues,
  useForm,
  type UseFormReturn,
} from "react-hook-form";
import { ApiProblem } from "../api/problem.ts";
import styles from "./form.module.css";

interface ApiFormOptions<Values extends FieldValues> {
  defaultValues: DefaultValues<Values>;
  /** Sends the values to the API. */
  send: (values: Values) => Promise<void>;
}

export interface ApiForm<Values extends FieldValues> extends UseFormReturn<Values> {
  /** For `onSubmit`. */
  submit: (event?: BaseSyntheticEvent) => void;
  /** Why the last request failed, unless every fault of it is shown at its field; null otherwise. */
  problem: unknown;
}

/** The name under which a form has the field that a JSON pointer of the API names: `/quietHours/start` is `quietHours.start`. */
const nameOfPointer = (pointer: string) => pointer.replace(/^\//, "").replaceAll("/", ".");

/**
 * A form whose values the API checks. Its fields have the names that they have in the body of the request, so that each fault that the
 * API finds is shown at its field, and the first of them has the focus.
 */
export function useApiForm<Values extends FieldValues>({
  defaultValues,
  send,
}: ApiFormOptions<Values>): ApiForm<Values> {
  const form = useForm<Values>({ defaultValues });
  const [problem, setProblem] = useState<unknown>(null);
  const submit = form.handleSubmit(async (values) => {
    setProblem(null);
    try {
      await send(values);
    } catch (error) {
      const faults = error instanceof ApiProblem ? (error.details?.errors ?? []) : [];
      const shown = faults.filter(({ field }) =>
        form.control._names.mount.has(nameOfPointer(field)),
      );
      for (const [index, { field, message }] of shown.entries())
        form.setError(
          nameOfPointer(field) as FieldPath<Values>,
          { type: "api", message },
          { shouldFocus: index === 0 },
        );
      if (faults.length === 0 || shown.length < faults.length) setProblem(error);
    }
  });
  return { ...form, submit: (event) => void submit(event), problem };
}

interface FieldProps {
  label: string;
  /** What the field means, or which values it takes. */
  hint?: ReactNode;
  /** What is wrong with the value. */
  error?: string | undefined;
  /** Renders the control with what ties it to its label, hint and error. */
  children: (control: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean;
  }) => ReactNode;
}

/** A labelled control of a form. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const [hintId, errorId] = [`${id}-hint`, `${id}-error`];
  const described = [hint !== undefined && hintId, error !== undefined && errorId].filter(Boolean);
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        "aria-describedby": described.length > 0 ? described.join(" ") : undefined,
        "aria-invalid": error !== undefined,
      })}
      {hint !== undefined && (
        <p id={hintId} className="muted">
          {hint}
        </p>
      )}
      {error !== undefined && (
        <p id={errorId} role="alert" className={styles.fault}>
          {error}
        </p>
      )}
    </div>
  );
}

/** A checkbox with its text beside it. */
export function Check({
  children,
  ...rest
}: React.InputHTMLAttributes<HTMLInputElement> & { children: ReactNode }) {
  return (
    <label className={styles.check}>
      <input type="checkbox" {...rest} />
      <span>{children}</span>
    </label>
  );
}

/** Fields one below the other. */
export const Fields = ({ children }: { children: ReactNode }) => (
  <div className={styles.fields}>{children}</div>
);
