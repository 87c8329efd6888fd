import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { IconButton } from "../parts/button.tsx";
import { MailFrame } from "../parts/mail-frame.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { formatCount } from "../words/numbers.ts";
import styles from "./builder.module.css";
import { findEmptyFields, listFields } from "./empty-fields.ts";
import { faultsOf } from "./problems.ts";
import { versionQuery } from "../templates/queries.ts";
import { messageQuery, type SampledRecipient } from "./queries.ts";

interface MessagePreviewProps {
  template: { key: string; version: number };
  data: Record<string, unknown>;
  /** Recipients of the audience, drawn at random. */
  sample: readonly SampledRecipient[];
}

type View = "wide" | "narrow" | "text";
const views: Record<View, string> = { wide: "Desktop", narrow: "Phone", text: "Text" };

/** The message as it would be for one recipient of the audience after the other. */
export function MessagePreview({ template, data, sample }: MessagePreviewProps) {
  const [place, setPlace] = useState(0);
  const [view, setView] = useState<View>("wide");
  const index = Math.min(place, Math.max(sample.length - 1, 0));
  const recipient = sample[index] ?? null;
  const version = useQuery(versionQuery(template.key, template.version));
  const {
    data: message,
    error,
    refetch,
    isPlaceholderData,
  } = useQuery({
    ...messageQuery(template, data, recipient?.id ?? null),
    placeholderData: keepPreviousData,
  });
  const faults = faultsOf(error);
  const step = (by: number) =>
    sample.length > 0 && setPlace((index + by + sample.length) % sample.length);
  useShortcuts({ "[": () => step(-1), "]": () => step(1) });

  const fields = version.data ? listFields(version.data.content) : [];
  const lacking = sample.map((each) => findEmptyFields(fields, each));
  const firstLacking = lacking.findIndex((empty) => empty.length > 0);
  const lackingCount = lacking.filter((empty) => empty.length > 0).length;

  return (
    <div className={styles.preview}>
      <div className={styles.previewBar}>
        {recipient ? (
          <>
            <IconButton icon="left" label="Previous recipient ([)" onClick={() => step(-1)} />
            <select
              aria-label="Preview for"
              value={index}
              onChange={({ target }) => setPlace(Number(target.value))}
            >
              {sample.map(({ id, externalId }, at) => (
                <option key={id} value={at}>
                  {externalId}
                  {lacking[at]!.length > 0 ? " – lacks a value" : ""}
                </option>
              ))}
            </select>
            <IconButton icon="right" label="Next recipient (])" onClick={() => step(1)} />
            <span className="muted">
              {index + 1} of {sample.length}
            </span>
          </>
        ) : (
          <span className="muted">An example recipient, until the audience is chosen</span>
        )}
        <span className={styles.views} role="group" aria-label="View">
          {(Object.keys(views) as View[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={view === name}
              onClick={() => setView(name)}
            >
              {views[name]}
            </button>
          ))}
        </span>
      </div>
      {firstLacking >= 0 && (
        <div className={styles.strip} role="status">
          <p>
            {lackingCount === 1 ? "One" : formatCount(lackingCount)} of these {sample.length}{" "}
            recipients {lackingCount === 1 ? "lacks" : "lack"} a value that the message uses:{" "}
            <code>{lacking[firstLacking]!.join(", ")}</code>.
          </p>
          {firstLacking !== index && (
            <button type="button" className={styles.link} onClick={() => setPlace(firstLacking)}>
              Show the first
            </button>
          )}
        </div>
      )}
      {message ? (
        message.channel === "email" ? (
          <div aria-busy={isPlaceholderData} className={styles.message}>
            <p className={styles.subject}>
              <span className="muted">Subject</span> {message.subject}
            </p>
            {error && <p className={styles.fault}>Not up to date: {error.message}</p>}
            {view === "text" ? (
              <pre className={styles.text}>{message.text}</pre>
            ) : (
              <MailFrame
                html={message.html}
                title={recipient ? `The message to ${recipient.externalId}` : "The message"}
                width={view === "narrow" ? "phone" : undefined}
              />
            )}
            <p className="muted">
              {formatCount(Math.ceil(new Blob([message.html]).size / 1_024))} KB of HTML
              {message.locale === null ? "" : ` · ${message.locale}`}
            </p>
            {message.warnings.map(({ code, message: warning }) => (
              <p key={code} className={styles.strip}>
                {warning}
              </p>
            ))}
          </div>
        ) : (
          <Empty title="Only emails are shown here" />
        )
      ) : faults.length > 0 ? (
        <div className={styles.strip} role="status">
          <p>The message cannot be shown yet:</p>
          <ul>
            {faults.map(({ field, message: fault }) => (
              <li key={field}>
                <code>{field.replace(/^\/(data\/)?/, "")}</code> {fault}
              </li>
            ))}
          </ul>
        </div>
      ) : error ? (
        <Failed what="the preview" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the preview" rows={4} />
      )}
    </div>
  );
}
