import { Link, type LinkProps } from "@tanstack/react-router";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/page.tsx";
import { useSession } from "../api/session.ts";
import styles from "./first-steps.module.css";

interface Done {
  recipients: boolean;
  templates: boolean;
  types: boolean;
  sent: boolean;
  campaigns: boolean;
}

interface Step {
  name: keyof Done;
  title: string;
  how: string;
  /** Where it is done in the console, if it can be done there. */
  link?: LinkProps;
}

const steps: readonly Step[] = [
  {
    name: "recipients",
    title: "Add recipients",
    how: "Import them as CSV or NDJSON: POST /v1/recipients/import",
  },
  {
    name: "templates",
    title: "Write a template",
    how: "A subject and a text with variables: POST /v1/templates",
    link: { to: "/templates/new" },
  },
  {
    name: "types",
    title: "Define a notification type",
    how: "What recipients can switch off, and how it is bundled: POST /v1/notification-types",
  },
  {
    name: "sent",
    title: "Send a test",
    how: "To yourself: POST /v1/notifications",
    link: { to: "/notifications", search: { notify: "new" } },
  },
  {
    name: "campaigns",
    title: "Create a campaign",
    how: "One message to an audience: POST /v1/campaigns",
    link: { to: "/campaigns/new" },
  },
];

/** What there is to do on the first day. Each step is read from the ledger, so nobody has to tick it. */
export function FirstSteps({ done }: { done: Done }) {
  const { links } = useSession();
  const count = steps.filter(({ name }) => done[name]).length;
  return (
    <Panel
      title="First steps"
      aside={
        <span className="muted">
          {count} of {steps.length} done
        </span>
      }
    >
      <ol className={styles.steps}>
        {steps.map(({ name, title, how, link }) => (
          <li key={name} data-done={done[name]}>
            <Icon name={done[name] ? "check" : "circle"} />
            <div>
              <strong>{link && !done[name] ? <Link {...link}>{title}</Link> : title}</strong>
              <span className="hidden-text">{done[name] ? ", done" : ", to do"}</span>
              {!done[name] && <p className="muted">{how}</p>}
            </div>
          </li>
        ))}
      </ol>
      {links.docs !== null && (
        <p className={styles.docs}>
          <a href={links.docs}>Open the API reference</a> to try each of them.
        </p>
      )}
    </Panel>
  );
}
