import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { Columns, Stack } from "../parts/columns.tsx";
import { Field } from "../parts/form.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { showToast } from "../parts/toast.tsx";
import { createRule } from "./changes.ts";
import { changedFields, type Draft, emptyDraft } from "./draft.ts";
import styles from "./editor.module.css";
import { faultAt, isShownAtFields } from "./faults.ts";
import { JsonEditor } from "./json-editor.tsx";
import { PreviewPanel } from "./preview-panel.tsx";
import { rulesQuery } from "./queries.ts";
import { RuleFields } from "./rule-fields.tsx";

/** A new routing rule, which becomes the last one. It is inactive unless that is changed. */
export function NewRuleScreen() {
  const { tab } = useSearch({ from: "/routing/new" });
  const navigate = useNavigate();
  const client = useQueryClient();
  const rules = useQuery(rulesQuery);
  const [ruleKey, setKey] = useState("");
  const [draft, setDraft] = useState<Draft>(emptyDraft);
  const [once, setOnce] = useState(() => crypto.randomUUID());
  const isDirty = changedFields(draft, emptyDraft).length > 0 || ruleKey !== "";
  useBlocker({
    shouldBlockFn: ({ current, next }) =>
      isDirty &&
      current.pathname !== next.pathname &&
      !confirm("This rule is not saved. Leave it?"),
    enableBeforeUnload: isDirty,
  });
  const create = useMutation({
    mutationFn: () => createRule(ruleKey, draft, once),
    async onSuccess({ key, active }) {
      showToast(`Created as the last rule, ${active ? "active" : "inactive"}.`);
      void client.invalidateQueries({ queryKey: ["routing-rules"] });
      await navigate({ to: "/routing/$key", params: { key }, ignoreBlocker: true });
    },
    // Another attempt is another request.
    onError: () => setOnce(crypto.randomUUID()),
  });
  const faults = create.error instanceof ApiProblem ? (create.error.details?.errors ?? []) : [];
  const link = (of: "json" | undefined) => ({
    to: "/routing/new" as const,
    search: (before: object) => ({ ...before, tab: of }),
  });
  return (
    <Page
      up={{ to: "/routing", name: "Routing" }}
      title="New rule"
      documentTitle="New routing rule"
    >
      <Tabs
        label="Parts of the rule"
        tabs={[
          { name: "Form", link: link(undefined), isCurrent: tab !== "json" },
          { name: "JSON", link: link("json"), isCurrent: tab === "json" },
        ]}
      />
      <Columns isFirstWider>
        <Panel title="New rule, tried last">
          <Stack>
            <Field
              label="Key"
              hint="Names the rule in requests and explanations, such as urgent-by-push. It cannot be changed later."
              error={faultAt(create.error, "/key")}
            >
              {(control) => (
                <input
                  {...control}
                  autoComplete="off"
                  value={ruleKey}
                  onChange={({ target }) => setKey(target.value)}
                />
              )}
            </Field>
            {tab === "json" ? (
              <JsonEditor draft={draft} onChange={setDraft} faults={faults} />
            ) : (
              <RuleFields draft={draft} onChange={setDraft} error={create.error} />
            )}
          </Stack>
          {create.error && !isShownAtFields(create.error) && <ProblemBanner error={create.error} />}
          <div className={styles.footer}>
            <Button
              kind="primary"
              needs="admin"
              disabled={create.isPending}
              onClick={() => create.mutate()}
            >
              Create the rule
            </Button>
          </div>
        </Panel>
        {rules.data ? (
          <PreviewPanel rules={rules.data.items} ruleKey={ruleKey || "new-rule"} draft={draft} />
        ) : (
          <Panel title="Preview of the last day">
            {rules.error ? (
              <Failed
                what="the routing rules"
                error={rules.error}
                retry={() => void rules.refetch()}
              />
            ) : (
              <Loading what="the routing rules" />
            )}
          </Panel>
        )}
      </Columns>
    </Page>
  );
}
