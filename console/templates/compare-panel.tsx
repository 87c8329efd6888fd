import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import CodeDiff from "../editor/code-diff.tsx";
import { Icon } from "../parts/icon.tsx";
import { MailFrame } from "../parts/mail-frame.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { compareDrafts, type Draft, draftOf } from "./draft.ts";
import { type Template, versionQuery } from "./queries.ts";
import { usePreview } from "./use-preview.ts";
import type { Trial } from "./use-trial.ts";
import { previewRequestOf } from "./workbench.tsx";
import styles from "./compare-panel.module.css";

interface ComparePanelProps {
  template: Template;
  /** The version that is compared with the text. */
  version: number;
  draft: Draft;
  /** What the text is, such as `Your text` or `Version 3`. */
  name: string;
  trial: Trial;
}

/** What differs between a version and the text that is edited: the source, and what it renders to. */
export default function ComparePanel({ template, version, draft, name, trial }: ComparePanelProps) {
  const { data, error, refetch } = useQuery(versionQuery(template.key, version));
  return (
    <>
      <p className={styles.back}>
        <Link
          from="/templates/$key"
          to="."
          search={(before) => ({ ...before, compare: undefined })}
        >
          <Icon name="left" /> Back to the editor
        </Link>
        <span className="muted">
          <kbd>[</kbd> <kbd>]</kbd> previous and next version
        </span>
      </p>
      {data ? (
        <Comparison
          key={version}
          before={{ name: `Version ${version}`, draft: draftOf(data) }}
          after={{ name, draft }}
          trial={trial}
        />
      ) : error ? (
        <Failed what={`version ${version}`} error={error} retry={() => void refetch()} />
      ) : (
        <Loading what={`version ${version}`} />
      )}
    </>
  );
}

interface Side {
  name: string;
  draft: Draft;
}

function Comparison({ before, after, trial }: { before: Side; after: Side; trial: Trial }) {
  const differences = compareDrafts(before.draft, after.draft);
  const [chosen, choose] = useState(0);
  const shown = differences[Math.min(chosen, differences.length - 1)];
  return (
    <div className={styles.panels}>
      <Panel title={`${before.name} and ${after.name.toLowerCase()}`}>
        {shown ? (
          <>
            <div className={styles.parts} role="group" aria-label="What differs">
              {differences.map((each, index) => (
                <button
                  key={each.name}
                  type="button"
                  aria-pressed={each === shown}
                  onClick={() => choose(index)}
                >
                  {each.name}
                </button>
              ))}
            </div>
            <div className={styles.names} aria-hidden="true">
              <strong>{before.name}</strong>
              <strong>{after.name}</strong>
            </div>
            <CodeDiff
              before={{ label: `${before.name}: ${shown.name}`, text: shown.before }}
              after={{ label: `${after.name}: ${shown.name}`, text: shown.after }}
              language={shown.language}
            />
          </>
        ) : (
          <Empty icon="check" title="Nothing differs">
            {before.name} has the same texts, settings and variables.
          </Empty>
        )}
      </Panel>
      <Panel title="Rendered" isFlush>
        <div className={styles.rendered}>
          <Rendered side={before} trial={trial} />
          <Rendered side={after} trial={trial} />
        </div>
      </Panel>
    </div>
  );
}

/** The email that one side renders to, with the same data and for the same example as the other. */
function Rendered({ side, trial }: { side: Side; trial: Trial }) {
  const { preview, error } = usePreview(
    previewRequestOf(side.draft, trial, {
      channel: "email",
      locale: undefined,
      recipient: undefined,
    }),
  );
  return (
    <section aria-label={`${side.name}, rendered`}>
      <h3>{side.name}</h3>
      {preview?.channel === "email" ? (
        <>
          <p>{preview.subject}</p>
          <MailFrame title={`${side.name}, rendered`} html={preview.html} />
        </>
      ) : error ? (
        <p className="muted">It cannot be rendered with these data.</p>
      ) : (
        <Loading what={side.name} rows={3} />
      )}
    </section>
  );
}
