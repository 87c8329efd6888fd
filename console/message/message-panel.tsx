import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { Icon } from "../parts/icon.tsx";
import { MailFrame } from "../parts/mail-frame.tsx";
import { Panel } from "../parts/page.tsx";
import { Check } from "../parts/form.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { formatBytes } from "../words/numbers.ts";
import { type Message, messageQuery } from "./queries.ts";
import styles from "./message-panel.module.css";

/** Above this size Gmail cuts an email, in bytes. */
const clippedFrom = 102 * 1_024;

/** The message of a delivery: what was sent, or would be sent now. */
export function MessagePanel({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(messageQuery(id));
  const isGone = error instanceof ApiProblem && error.status === 410;
  return (
    <Panel title={data?.sent === false ? "What would be sent now" : "What was sent"}>
      {data ? (
        <MessageView message={data} />
      ) : isGone ? (
        <Empty icon="shield" title="The message is gone">
          {error.message}
        </Empty>
      ) : error ? (
        <Failed what="the message" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the message" />
      )}
    </Panel>
  );
}

function MessageView({ message }: { message: Message }) {
  const { email, notification, sent, differences, locale, derivedFrom } = message;
  return (
    <div className={styles.message}>
      <p className={styles.basis}>
        <Icon name={sent ? "retry" : "clock"} size={14} />
        <span>
          {sent
            ? "Rendered again, from the version and the data that were used."
            : "It has not been sent. It is rendered from its version and data, and the recipient as they are now."}
          {locale !== null && ` Locale ${locale}.`}
          {derivedFrom !== null && ` Made from the content for ${derivedFrom}.`}
        </span>
      </p>
      {differences.length > 0 && (
        <div className={styles.differences} role="note">
          <Icon name="warning" />
          <ul>
            {differences.map((difference) => (
              <li key={difference}>{difference}</li>
            ))}
          </ul>
        </div>
      )}
      {email && <Email email={email} />}
      {notification && (
        <div className={styles.notification}>
          <strong>{notification.title}</strong>
          <p>{notification.body}</p>
          {notification.url !== null && <p className={styles.url}>{notification.url}</p>}
          {notification.actions.length > 0 && (
            <p className={styles.actions}>
              {notification.actions.map(({ label, url }) => (
                <span key={url} title={url}>
                  {label}
                </span>
              ))}
            </p>
          )}
        </div>
      )}
    </div>
  );
}

const parts = { html: "HTML", text: "Text", headers: "Headers", source: "Source" } as const;
type Part = keyof typeof parts;

function Email({ email }: { email: NonNullable<Message["email"]> }) {
  const [part, setPart] = useState<Part>("html");
  const [isNarrow, setNarrow] = useState(false);
  const [withImages, setImages] = useState(false);
  const { subject, html, text, headers, bytes } = email;
  return (
    <>
      <p className={styles.subject}>{subject}</p>
      <div className={styles.bar}>
        <div role="radiogroup" aria-label="Part of the message" className={styles.parts}>
          {(Object.keys(parts) as Part[]).map((each) => (
            <label key={each} data-checked={part === each}>
              <input
                type="radio"
                name="part"
                className="hidden-text"
                checked={part === each}
                onChange={() => setPart(each)}
              />
              {parts[each]}
            </label>
          ))}
        </div>
        <span className="muted figures">
          {formatBytes(bytes.html)} HTML, {formatBytes(bytes.text)} text
        </span>
      </div>
      {bytes.html > clippedFrom && (
        <p className={styles.differences} role="note">
          <Icon name="warning" /> Gmail cuts messages above 102 KB, and shows a link to the rest.
        </p>
      )}
      {part === "html" && (
        <>
          <div className={styles.options}>
            <Check checked={isNarrow} onChange={({ target }) => setNarrow(target.checked)}>
              As wide as a phone
            </Check>
            <Check checked={withImages} onChange={({ target }) => setImages(target.checked)}>
              Load images of other hosts, which may count as opened
            </Check>
          </div>
          <MailFrame
            title="The message"
            html={html}
            width={isNarrow ? "phone" : undefined}
            withImages={withImages}
          />
        </>
      )}
      {part === "headers" && (
        <dl className={styles.headers}>
          {headers.map(({ name, value }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {(part === "text" || part === "source") && (
        // It may have to be scrolled with the keyboard.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className={styles.text} tabIndex={0} aria-label={parts[part]}>
          {part === "text" ? text : html}
        </pre>
      )}
    </>
  );
}
