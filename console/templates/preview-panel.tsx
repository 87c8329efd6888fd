import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { MailFrame } from "../parts/mail-frame.tsx";
import { Facts, Panel } from "../parts/page.tsx";
import { Segments } from "../parts/segments.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { modKey } from "../shell/shortcuts.ts";
import { formatBytes } from "../words/numbers.ts";
import { channelWords } from "../words/statuses.ts";
import type { EditorSearch, PreviewPart } from "./search.ts";
import type { Preview, usePreview } from "./use-preview.ts";
import styles from "./preview-panel.module.css";

interface PreviewPanelProps {
  state: ReturnType<typeof usePreview>;
  search: EditorSearch;
  onChange: (changed: EditorSearch) => void;
  /** Whether every fault is shown where it is, so that it need not be said here. */
  areFaultsShown: boolean;
}

/** What a recipient would get, as the API renders it. */
export function PreviewPanel({ state, search, onChange, areFaultsShown }: PreviewPanelProps) {
  const { preview, isStale, isPending, error, refresh } = state;
  const word = isPending ? "Rendering…" : error ? "Not up to date" : preview ? "Up to date" : "";
  return (
    <Panel
      title="Preview"
      isFlush
      aside={
        <span className={styles.state} role="status">
          <span className="muted">{word}</span>
          <Button
            kind="quiet"
            icon="retry"
            title={`Render again (${modKey} Enter)`}
            onClick={refresh}
          >
            Render
          </Button>
        </span>
      }
    >
      {error != null && (
        <div className={styles.problem}>
          {areFaultsShown ? (
            <p className={styles.note}>
              <Icon name="warning" /> The text has errors, which are marked where they are.
              {preview ? " Below is the last preview without them." : ""}
            </p>
          ) : (
            <ProblemBanner error={error} retry={refresh} />
          )}
        </div>
      )}
      {preview ? (
        <div className={styles.shown} data-stale={isStale} aria-busy={isPending}>
          <Message preview={preview} search={search} onChange={onChange} />
        </div>
      ) : (
        error == null && <Loading what="the preview" />
      )}
    </Panel>
  );
}

function Message({
  preview,
  search,
  onChange,
}: {
  preview: Preview;
  search: EditorSearch;
  onChange: PreviewPanelProps["onChange"];
}) {
  return (
    <>
      {preview.derivedFrom !== null && (
        <p className={styles.note}>
          Derived from the content for {channelWords[preview.derivedFrom].toLowerCase()}.
        </p>
      )}
      {preview.channel === "email" ? (
        <Mail preview={preview} search={search} onChange={onChange} />
      ) : (
        <Card preview={preview} />
      )}
      {preview.warnings.length > 0 && (
        <ul className={styles.warnings}>
          {preview.warnings.map(({ code, message }) => (
            <li key={`${code} ${message}`}>
              <Icon name="warning" /> {message}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const partNames: Record<PreviewPart, string> = { html: "HTML", text: "Text", headers: "Headers" };
/** Gmail hides what follows. */
const clippedBytes = 102 * 1_024;

function Mail({
  preview,
  search,
  onChange,
}: {
  preview: Extract<Preview, { channel: "email" }>;
  search: EditorSearch;
  onChange: PreviewPanelProps["onChange"];
}) {
  const [withImages, setImages] = useState(false);
  const { part = "html", width, scheme } = search;
  const { subject, html, text, headers, bytes, locale } = preview;
  const hasImages = /<img\b[^>]*\bsrc\s*=\s*["']?https?:|url\(\s*["']?https?:/i.test(html);
  return (
    <>
      <div className={styles.envelope}>
        <span className="muted">
          {headers.fromName ?? "The installation’s sender"}
          {headers.fromAddress !== null && ` <${headers.fromAddress}>`}
        </span>
        <strong>{subject === "" ? <span className="muted">No subject</span> : subject}</strong>
      </div>
      <div className={styles.tools}>
        <Segments
          label="Part of the email"
          values={partNames}
          chosen={part}
          onChange={(next) => onChange({ part: next === "html" ? undefined : next })}
        />
        {part === "html" && (
          <>
            <Segments
              label="Width"
              values={{ desktop: "Desktop", phone: "Phone" }}
              chosen={width ?? "desktop"}
              onChange={(next) => onChange({ width: next === "phone" ? next : undefined })}
            />
            <Segments
              label="Colour scheme of the reader"
              values={{ light: "Light", dark: "Dark" }}
              chosen={scheme ?? "light"}
              onChange={(next) => onChange({ scheme: next === "dark" ? next : undefined })}
            />
          </>
        )}
      </div>
      {part === "html" ? (
        <MailFrame
          title="The HTML of the email"
          html={html}
          width={width}
          scheme={scheme}
          withImages={withImages}
        />
      ) : part === "text" ? (
        // It may have to be scrolled with the keyboard.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className={styles.text} tabIndex={0} role="group" aria-label="The text part">
          {text}
        </pre>
      ) : (
        <div className={styles.headers}>
          <Facts
            items={[
              ["Subject", subject],
              ["From, name", headers.fromName ?? "that of the installation"],
              ["From, address", headers.fromAddress ?? "that of the installation"],
              ["Reply-To", headers.replyTo ?? "not set: answers go to the sender"],
              ["Content", locale === null ? "the default content" : `the locale ${locale}`],
            ]}
          />
        </div>
      )}
      <p className={styles.size}>
        <span>
          HTML {formatBytes(bytes.html)} of {formatBytes(clippedBytes)} that Gmail shows, text{" "}
          {formatBytes(bytes.text)}
        </span>
        {part === "html" && hasImages && !withImages && (
          <Button
            kind="quiet"
            title="Their hosts learn of the preview"
            onClick={() => setImages(true)}
          >
            Load images
          </Button>
        )}
      </p>
    </>
  );
}

/** A push notification or an item of an inbox. */
function Card({ preview }: { preview: Exclude<Preview, { channel: "email" }> }) {
  const { title, body, url, actions } = preview;
  return (
    <div className={styles.stage}>
      <article className={styles.card} aria-label="The message">
        <span className={styles.mark}>
          <Icon name={preview.channel} />
        </span>
        <div>
          <h3>{title}</h3>
          <p>{body}</p>
          {url !== undefined && <p className={styles.link}>{url}</p>}
          {actions.length > 0 && (
            <ul className={styles.actions}>
              {actions.map(({ label, url: target }) => (
                <li key={`${label} ${target}`} title={target}>
                  {label}
                </li>
              ))}
            </ul>
          )}
        </div>
      </article>
      <Facts
        items={
          preview.channel === "push"
            ? [
                ["Icon", preview.icon],
                ["Image", preview.image],
                ["Badge", preview.badge],
                ["Tag", preview.tag],
              ]
            : [["Category", preview.category]]
        }
      />
    </div>
  );
}
