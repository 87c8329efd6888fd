import { type ReactNode, useMemo } from "react";
import { Columns, Stack } from "../parts/columns.tsx";
import { useEditingKeys } from "../editor/editing-keys.ts";
import { DataPanel } from "./data-panel.tsx";
import { type Draft, localesOf } from "./draft.ts";
import { PreviewPanel } from "./preview-panel.tsx";
import type { EditorSearch } from "./search.ts";
import { SourcePanel } from "./source-panel.tsx";
import { type Faults, faultsOf, type PreviewRequest, usePreview } from "./use-preview.ts";
import type { Trial } from "./use-trial.ts";

interface WorkbenchProps {
  draft: Draft;
  onDraft: (draft: Draft) => void;
  trial: Trial;
  search: EditorSearch;
  onSearch: (changed: EditorSearch) => void;
  /** Faults of the last attempt to save. */
  saveError: unknown;
  /** What is below the source. */
  children?: ReactNode;
}

const noVariables = { message: "This is not a JSON object." };

/** Source and preview beside each other, and with which data and for whom the preview is made. */
export function Workbench(props: WorkbenchProps) {
  const { draft, onDraft, trial, search, onSearch, saveError, children } = props;
  const { channel = "email", recipient } = search;
  const locale =
    search.locale !== undefined && localesOf(draft.content).includes(search.locale)
      ? search.locale
      : undefined;
  const state = usePreview(
    trial.isSchemaValid ? previewRequestOf(draft, trial, { channel, locale, recipient }) : null,
  );
  useEditingKeys({ Enter: state.refresh });
  const faults: Faults = useMemo(() => {
    const found = new Map([...faultsOf(saveError), ...faultsOf(state.error)]);
    return trial.isSchemaValid ? found : found.set("/variables", [noVariables]);
  }, [saveError, state.error, trial.isSchemaValid]);
  const areFaultsShown =
    faultsOf(state.error).size > 0 &&
    [...faultsOf(state.error).keys()].every((field) =>
      /^\/(content|variables|data)(\/|$)/.test(field),
    );
  return (
    <Columns>
      <Stack>
        <SourcePanel
          draft={draft}
          onDraft={onDraft}
          channel={channel}
          locale={locale}
          onSearch={onSearch}
          faults={faults}
          variables={trial.completion}
        />
        {children}
      </Stack>
      <Stack>
        <PreviewPanel
          state={state}
          search={search}
          onChange={onSearch}
          areFaultsShown={areFaultsShown}
        />
        <DataPanel
          schema={trial.schema}
          data={trial.data}
          onData={trial.setData}
          example={trial.example}
          onExample={trial.setExample}
          recipient={recipient}
          onRecipient={(id) => onSearch({ recipient: id })}
          faults={faults}
        />
      </Stack>
    </Columns>
  );
}

/** Makes the request for a preview of a draft. */
export function previewRequestOf(
  draft: Draft,
  { schema, data, example }: Pick<Trial, "schema" | "data" | "example">,
  {
    channel,
    locale,
    recipient,
  }: {
    channel: PreviewRequest["channel"];
    locale: string | undefined;
    recipient: string | undefined;
  },
): PreviewRequest {
  return {
    channel,
    content: draft.content,
    variables: schema,
    data,
    recipient: recipient ?? example,
    ...(locale !== undefined && { locale }),
  };
}
