import { useState } from "react";
import { CodeEditor } from "../editor/code-editor.tsx";
import { Button } from "../parts/button.tsx";
import { Panel } from "../parts/page.tsx";
import { Segments } from "../parts/segments.tsx";
import { DataForm } from "../parts/data-form.tsx";
import { hasProperties, type JsonObject, type Schema } from "../parts/json-schema.ts";
import { parseObject } from "./draft.ts";
import { RecipientName, RecipientPicker } from "./recipient-picker.tsx";
import type { Faults } from "./use-preview.ts";
import styles from "./data-panel.module.css";

interface DataPanelProps {
  schema: JsonObject;
  data: JsonObject;
  onData: (data: JsonObject | null) => void;
  /** The recipient who is the example, unless a real one is chosen. */
  example: JsonObject;
  onExample: (example: JsonObject) => void;
  /** The id of the recipient for whom the preview is made. */
  recipient: string | undefined;
  onRecipient: (id: string | undefined) => void;
  faults: Faults;
}

/** For whom and with which data the preview and tests are made. None of it is part of the template. */
export function DataPanel(props: DataPanelProps) {
  const { schema, data, onData, example, onExample, recipient, onRecipient, faults } = props;
  const [view, setView] = useState<"form" | "json">("form");
  const [isPicking, setPicking] = useState(false);
  return (
    <Panel
      title="Preview with"
      aside={
        <Segments
          label="How the data are edited"
          values={{ form: "Form", json: "JSON" }}
          chosen={view}
          onChange={setView}
        />
      }
    >
      <div className={styles.panel}>
        <section aria-label="Recipient" className={styles.section}>
          <div className={styles.recipient}>
            <span>
              <span className="muted">Recipient</span>{" "}
              {recipient === undefined ? "an example" : <RecipientName id={recipient} />}
            </span>
            <span className={styles.buttons}>
              <Button icon="person" onClick={() => setPicking(true)}>
                Choose…
              </Button>
              {recipient !== undefined && (
                <Button kind="quiet" onClick={() => onRecipient(undefined)}>
                  Use the example
                </Button>
              )}
            </span>
          </div>
          {recipient === undefined && (
            <JsonEditor label="Example recipient" value={example} onChange={onExample} />
          )}
          {faults.get("/recipient")?.map(({ message }) => (
            <p key={message} role="alert" className={styles.fault}>
              {message}
            </p>
          ))}
        </section>
        <section aria-label="Data" className={styles.section}>
          {view === "form" ? (
            hasProperties(schema as unknown as Schema) ? (
              <DataForm
                schema={schema as unknown as Schema}
                data={data}
                at="/data"
                faultOf={(pointer) =>
                  faults
                    .get(pointer)
                    ?.map(({ message }) => message)
                    .join(" ")
                }
                onChange={onData}
              />
            ) : (
              <p className="muted">
                There are no variables to fill in. Other data can be given as JSON.
              </p>
            )
          ) : (
            <JsonEditor label="Data" value={data} onChange={onData} />
          )}
          {hasProperties(schema as unknown as Schema) && (
            <Button kind="quiet" onClick={() => onData(null)}>
              Fill with examples
            </Button>
          )}
        </section>
      </div>
      {isPicking && (
        <RecipientPicker
          onClose={() => setPicking(false)}
          onChoose={(id) => {
            onRecipient(id);
            setPicking(false);
          }}
        />
      )}
    </Panel>
  );
}

/** Edits a JSON object. What is none is marked, and changes nothing. */
function JsonEditor({
  label,
  value,
  onChange,
}: {
  label: string;
  value: JsonObject;
  onChange: (value: JsonObject) => void;
}) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const parsed = parseObject(text);
  // The value may have changed elsewhere, for example to the examples.
  if (parsed !== null && JSON.stringify(parsed) !== JSON.stringify(value))
    setText(JSON.stringify(value, null, 2));
  return (
    <CodeEditor
      label={label}
      value={text}
      language="json"
      size="short"
      faults={parsed === null ? notJson : noFaults}
      onChange={(next) => {
        setText(next);
        const object = parseObject(next);
        if (object !== null) onChange(object);
      }}
    />
  );
}

const notJson = [{ message: "This is not a JSON object yet. The preview uses the last one." }];
const noFaults: never[] = [];
