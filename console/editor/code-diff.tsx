import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { type Language, languageOf } from "./languages.ts";
import { theme } from "./theme.ts";
import styles from "./code-editor.module.css";

interface Side {
  /** What the side shows, for screen readers. */
  label: string;
  text: string;
}

/** Two texts beside each other, with what differs marked and long equal parts folded. */
export default function CodeDiff({
  before,
  after,
  language,
}: {
  before: Side;
  after: Side;
  language: Language;
}) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: "open" });
    const stateOf = (label: string, doc: string) => ({
      doc,
      extensions: [
        theme,
        lineNumbers(),
        EditorView.lineWrapping,
        languageOf(language, { names: [], propertiesOf: () => [] }),
        EditorState.readOnly.of(true),
        EditorView.contentAttributes.of({ "aria-label": label }),
      ],
    });
    const view = new MergeView({
      parent: root,
      root,
      a: stateOf(before.label, before.text),
      b: stateOf(after.label, after.text),
      collapseUnchanged: { margin: 3, minSize: 6 },
      gutter: true,
    });
    return () => view.destroy();
  }, [before.label, before.text, after.label, after.text, language]);
  return (
    <div className={styles.editor}>
      <div ref={host} className={`${styles.host} ${styles.tall}`} />
    </div>
  );
}
