import { type ReactNode, useMemo } from "react";
import { CodeEditor } from "../editor/code-editor.tsx";
import { useEditingKeys } from "../editor/editing-keys.ts";
import { Columns, Stack } from "../parts/columns.tsx";
import { Panel } from "../parts/page.tsx";
import { DataPanel } from "../templates/data-panel.tsx";
import type { Draft } from "../templates/draft.ts";
import { PreviewPanel } from "../templates/preview-panel.tsx";
import type { EditorSearch } from "../templates/search.ts";
import { faultsOf, usePreview } from "../templates/use-preview.ts";
import { useTrial } from "../templates/use-trial.ts";
import styles from "./layout-workbench.module.css";

/** A layout as a draft: its HTML, and no variables of its own. */
export const layoutDraft = (html: string): Draft => ({ content: { html }, variables });

const variables = JSON.stringify({ type: "object" });

/** What the preview has in the place of a template. It is one line, so that the lines of the layout stay the same. */
const sample =
  '<div style="padding:24px;border:2px dashed #7c8796;font:16px/1.5 Arial,sans-serif;text-align:center;color:#505b6b">The content of a template appears here.</div>';
const placeholder = /\{\{-?\s*content_for_layout\s*-?\}\}/g;

interface LayoutWorkbenchProps {
  html: string;
  onHtml: (html: string) => void;
  search: EditorSearch;
  onSearch: (changed: EditorSearch) => void;
  /** Faults of the last attempt to save. */
  saveError: unknown;
  /** What is below the source. */
  children?: ReactNode;
}

/** The HTML of a layout beside an email that it surrounds. */
export function LayoutWorkbench(props: LayoutWorkbenchProps) {
  const { html, onHtml, search, onSearch, saveError, children } = props;
  const trial = useTrial(useMemo(() => layoutDraft(""), []));
  const state = usePreview({
    channel: "email",
    content: {
      email: { subject: "A message in this layout", html: html.replace(placeholder, sample) },
    },
    variables: trial.schema,
    data: trial.data,
    recipient: search.recipient ?? trial.example,
  });
  useEditingKeys({ Enter: state.refresh });
  const found = faultsOf(state.error);
  const faults = useMemo(
    () =>
      faultsOf(saveError).get("/html") ?? faultsOf(state.error).get("/content/email/html") ?? [],
    [saveError, state.error],
  );
  return (
    <Columns>
      <Stack>
        <Panel title="Source">
          <div className={styles.source}>
            <CodeEditor
              label="HTML of the layout"
              value={html}
              language="html"
              variables={trial.completion}
              faults={faults}
              onChange={onHtml}
            />
            <p className={styles.hint}>
              <code>{"{{ content_for_layout }}"}</code> is the place of the template’s HTML. Without
              it, templates can only include the layout, with <code>{"{% render %}"}</code>.
            </p>
          </div>
        </Panel>
        {children}
      </Stack>
      <Stack>
        <PreviewPanel
          state={state}
          search={search}
          onChange={onSearch}
          areFaultsShown={
            found.size > 0 && [...found.keys()].every((field) => field === "/content/email/html")
          }
        />
        <DataPanel
          schema={trial.schema}
          data={trial.data}
          onData={trial.setData}
          example={trial.example}
          onExample={trial.setExample}
          recipient={search.recipient}
          onRecipient={(id) => onSearch({ recipient: id })}
          faults={found}
        />
      </Stack>
    </Columns>
  );
}
