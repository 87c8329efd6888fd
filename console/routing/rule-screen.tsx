import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { Columns, Stack } from "../parts/columns.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { showToast } from "../parts/toast.tsx";
import { changeRule } from "./changes.ts";
import { ConflictDialog } from "./conflict-dialog.tsx";
import { DeleteButton } from "./delete-button.tsx";
import { changedFields, type Draft, draftOf, patchOf } from "./draft.ts";
import styles from "./editor.module.css";
import { isShownAtFields } from "./faults.ts";
import { JsonEditor } from "./json-editor.tsx";
import { PreviewPanel } from "./preview-panel.tsx";
import { type Rule, ruleQuery, rulesQuery } from "./queries.ts";
import { RuleFields } from "./rule-fields.tsx";
import { ActiveChip } from "./rule-row.tsx";
import { VersionsPanel } from "./versions-panel.tsx";

/** One routing rule: it is edited as a form or as JSON, previewed on the last day, and compared with its versions. */
export function RuleScreen() {
  const { key } = useParams({ from: "/routing/$key" });
  const rule = useQuery(ruleQuery(key));
  const rules = useQuery(rulesQuery);
  const error = rule.error ?? rules.error;
  if (rule.data && rules.data)
    return <Editor key={key} saved={rule.data} rules={rules.data.items} />;
  return (
    <Page up={{ to: "/routing", name: "Routing" }} title={key} documentTitle="Routing rule">
      <Panel>
        {error ? (
          <Failed
            what="this rule"
            error={error}
            retry={() => {
              void rule.refetch();
              void rules.refetch();
            }}
          />
        ) : (
          <Loading what="the rule" />
        )}
      </Panel>
    </Page>
  );
}

function Editor({ saved, rules }: { saved: Rule; rules: readonly Rule[] }) {
  const { key } = saved;
  const { tab } = useSearch({ from: "/routing/$key" });
  const navigate = useNavigate({ from: "/routing/$key" });
  const client = useQueryClient();
  // What is edited begins at a version, and stays at it until it is saved: others may save meanwhile.
  const [base, setBase] = useState<Rule>(saved);
  const [draft, setDraft] = useState<Draft>(() => draftOf(saved));
  const [edition, setEdition] = useState(0);
  const changes = changedFields(draft, draftOf(base));
  const isDirty = changes.length > 0;
  // Without own changes, what others save is shown.
  if (!isDirty && saved.version > base.version) {
    setBase(saved);
    setDraft(draftOf(saved));
    setEdition(edition + 1);
  }
  useBlocker({
    shouldBlockFn: ({ current, next }) =>
      isDirty &&
      current.pathname !== next.pathname &&
      !confirm("The changes of this rule are not saved. Leave it?"),
    enableBeforeUnload: isDirty,
  });
  const begin = (rule: Rule, from: Draft) => {
    setBase(rule);
    setDraft(from);
    // The fields begin again with these values.
    setEdition((before) => before + 1);
  };
  const save = useMutation({
    mutationFn: () => changeRule(key, base.version, patchOf(draft, draftOf(base))),
    onSuccess(after) {
      const before = draftOf(base);
      client.setQueryData(ruleQuery(key).queryKey, after);
      begin(after, draftOf(after));
      showToast(`Saved as version ${after.version}.`, {
        undo: () =>
          void changeRule(key, after.version, patchOf(before, draftOf(after))).then(
            (undone) => {
              client.setQueryData(ruleQuery(key).queryKey, undone);
              begin(undone, draftOf(undone));
              void client.invalidateQueries({ queryKey: ["routing-rules"] });
            },
            (error: Error) => showToast(`It was not undone: ${error.message}`, { icon: "warning" }),
          ),
      });
      void client.invalidateQueries({ queryKey: ["routing-rules"] });
    },
  });
  const isConflict = save.error instanceof ApiProblem && save.error.status === 412;
  const faults = save.error instanceof ApiProblem ? (save.error.details?.errors ?? []) : [];
  const link = (of: "json" | "versions" | undefined) => ({
    to: "/routing/$key" as const,
    params: { key },
    search: (before: object) => ({ ...before, tab: of }),
  });
  return (
    <Page
      up={{ to: "/routing", name: "Routing" }}
      title={saved.name}
      documentTitle="Routing rule"
      actions={
        <>
          <ActiveChip isActive={saved.active} />
          <DeleteButton rule={saved} rules={rules} />
        </>
      }
    >
      <Tabs
        label="Parts of the rule"
        tabs={[
          { name: "Form", link: link(undefined), isCurrent: tab === undefined },
          { name: "JSON", link: link("json"), isCurrent: tab === "json" },
          { name: "Versions", link: link("versions"), isCurrent: tab === "versions" },
        ]}
      />
      {tab === "versions" ? (
        <Stack>
          <VersionsPanel
            ruleKey={key}
            onTake={(version) => {
              begin(base, version);
              void navigate({ search: (before) => ({ ...before, tab: undefined }) });
            }}
          />
        </Stack>
      ) : (
        <Columns isFirstWider>
          <Panel title={`${key}, version ${base.version}`}>
            {tab === "json" ? (
              <JsonEditor key={edition} draft={draft} onChange={setDraft} faults={faults} />
            ) : (
              <RuleFields key={edition} draft={draft} onChange={setDraft} error={save.error} />
            )}
            {save.error && !isConflict && !isShownAtFields(save.error) && (
              <ProblemBanner error={save.error} />
            )}
            <div className={styles.footer}>
              <Button
                kind="primary"
                needs="admin"
                disabled={!isDirty || save.isPending}
                onClick={() => save.mutate()}
              >
                Save
              </Button>
              {isDirty && (
                <>
                  <Button
                    onClick={() => {
                      save.reset();
                      begin(saved, draftOf(saved));
                    }}
                  >
                    Discard the changes
                  </Button>
                  <span className="muted">Not saved yet</span>
                </>
              )}
            </div>
          </Panel>
          <PreviewPanel rules={rules} ruleKey={key} draft={draft} />
        </Columns>
      )}
      {isConflict && (
        <ConflictDialog
          ruleKey={key}
          base={draftOf(base)}
          mine={draft}
          onClose={() => save.reset()}
          onContinue={(theirs, next) => {
            save.reset();
            client.setQueryData(ruleQuery(key).queryKey, theirs);
            begin(theirs, next);
          }}
        />
      )}
    </Page>
  );
}
