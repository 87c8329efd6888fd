import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import { ApiProblem, isRefusedCursor } from "../api/problem.ts";
import { Button, IconButton } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";
import styles from "./states.module.css";

// The five states of a part of a screen that shows no content. Each has its own sentence and the next step.

interface StateProps {
  icon: IconName;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  /** Whether screen readers hear of it at once. */
  isUrgent?: boolean;
}

function State({ icon, title, children, actions, isUrgent = false }: StateProps) {
  return (
    <div className={styles.state} role={isUrgent ? "alert" : "status"}>
      <span className={`${styles.icon} ${isUrgent ? styles.urgent : ""}`}>
        <Icon name={icon} size={22} />
      </span>
      <p className={styles.title}>{title}</p>
      {children && <div className={styles.text}>{children}</div>}
      {actions && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}

/** How long nothing is shown before the placeholder: most answers come sooner, and would make it flicker. */
const placeholderMs = 150;

/** The content has been requested and has not come yet. Rows of its shape are shown after a moment. */
export function Loading({ what, rows = 6 }: { what: string; rows?: number }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), placeholderMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div role="status" aria-busy="true" className={styles.loading}>
      <span className="hidden-text">Loading {what}…</span>
      {isLate &&
        Array.from({ length: rows }, (_, index) => (
          <div key={index} className={styles.bone} style={{ opacity: 1 - index / (rows + 1) }} />
        ))}
    </div>
  );
}

/** There is nothing yet. */
export const Empty = (props: Omit<StateProps, "isUrgent" | "icon"> & { icon?: IconName }) => (
  <State icon="empty" {...props} />
);

/** There is something, but nothing that matches the filters. */
export const FilteredToNothing = ({ what, onClear }: { what: string; onClear: () => void }) => (
  <State
    icon="search"
    title={`No ${what} match these filters`}
    actions={<Button onClick={onClear}>Clear all filters</Button>}
  >
    Filters are combined: each one narrows the list further.
  </State>
);

/** The content could not be read: because of a failure, because the role does not allow it, or because it does not exist. */
export function Failed({
  what,
  error,
  retry,
}: {
  what: string;
  error: unknown;
  retry: () => void;
}) {
  const status = error instanceof ApiProblem ? error.status : null;
  if (isRefusedCursor(error)) return <LostPage />;
  if (status === 401)
    return (
      <State icon="person" title="You are signed out">
        Sign in again to see {what}.
      </State>
    );
  if (status === 403)
    return (
      <State icon="shield" title={`Your role does not include ${what}`}>
        {(error as ApiProblem).message} Ask an administrator for a key with another role.
      </State>
    );
  if (status === 404)
    return (
      <State icon="search" title="It does not exist">
        {(error as ApiProblem).message} It may have been removed.
      </State>
    );
  return (
    <State
      isUrgent
      icon="warning"
      title={status === null ? "The API does not respond" : `Could not read ${what}`}
      actions={
        <Button icon="retry" onClick={retry}>
          Try again
        </Button>
      }
    >
      <ProblemText error={error} />
    </State>
  );
}

/** The cursor in the address is of another list, or incomplete. The filters in the address still hold. */
function LostPage() {
  const navigate = useNavigate();
  const showFirst = () =>
    void navigate({
      to: ".",
      search: ((before: object) => ({ ...before, cursor: undefined })) as never,
      replace: true,
    });
  return (
    <State
      icon="search"
      title="This page of the list cannot be found"
      actions={
        <Button icon="left" onClick={showFirst}>
          Show the first page
        </Button>
      }
    >
      The address belongs to the list in another order, or is incomplete. Filters are kept.
    </State>
  );
}

/** The words of a problem, with its request id to copy. */
function ProblemText({ error }: { error: unknown }) {
  if (!(error instanceof ApiProblem))
    return (
      <p>
        The request got no answer. Check the connection and whether the API runs. What is shown
        elsewhere may be out of date.
      </p>
    );
  return (
    <>
      <p>{error.message}</p>
      {error.details && (
        <>
          {(error.details.errors ?? []).map(({ field, message }) => (
            <p key={field}>
              <code>{field}</code> {message}
            </p>
          ))}
          <p className={styles.request}>
            Request <code>{error.details.requestId}</code>
            <CopyButton text={error.details.requestId} label="Copy the request id" />
          </p>
        </>
      )}
    </>
  );
}

/** A problem beside content that is still shown. */
export function ProblemBanner({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div role="alert" className={styles.banner}>
      <Icon name="warning" />
      <div>
        <ProblemText error={error} />
      </div>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <IconButton
      icon={isCopied ? "check" : "copy"}
      label={isCopied ? "Copied" : label}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      onBlur={() => setCopied(false)}
    />
  );
}
