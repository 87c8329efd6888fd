import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatNoun } from "../words/numbers.ts";
import { deleteRule, previewRules, withDraft } from "./changes.ts";
import type { Rule } from "./queries.ts";

/** Deletes a rule, after it has said how many messages of the last day went its way. */
export function DeleteButton({ rule, rules }: { rule: Rule; rules: readonly Rule[] }) {
  const [isAsked, ask] = useState(false);
  return (
    <>
      <Button needs="admin" onClick={() => ask(true)}>
        Delete
      </Button>
      {isAsked && <DeleteDialog rule={rule} rules={rules} onClose={() => ask(false)} />}
    </>
  );
}

function DeleteDialog({
  rule,
  rules,
  onClose,
}: {
  rule: Rule;
  rules: readonly Rule[];
  onClose: () => void;
}) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const use = useQuery({
    queryKey: ["routing-rules", rule.key, "use"],
    queryFn: () => previewRules(withDraft(rules, rule.key, null)),
    enabled: rule.active,
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const remove = useMutation({
    mutationFn: () => deleteRule(rule.key),
    async onSuccess() {
      showToast(`${rule.name} is deleted.`);
      await navigate({ to: "/routing", ignoreBlocker: true });
      void client.invalidateQueries({ queryKey: ["routing-rules"] });
    },
  });
  return (
    <ConfirmDialog
      title={`Delete ${rule.name}`}
      keep="Keep it"
      act="Delete the rule"
      kind="danger"
      needs="admin"
      change={remove}
      onClose={onClose}
    >
      {!rule.active ? (
        <p>It is inactive: no message uses it.</p>
      ) : use.data ? (
        <p role="status">
          In the last 24 hours, <strong>{formatNoun(use.data.changed.messages, "message")}</strong>{" "}
          to {formatNoun(use.data.changed.recipients, "recipient")} would have gone another way
          without it.
        </p>
      ) : use.error ? (
        <ProblemBanner error={use.error} retry={() => void use.refetch()} />
      ) : (
        <Loading what="how many messages used it" rows={1} />
      )}
      <p>
        Messages that were accepted before keep their route. Its versions are deleted too, and this
        cannot be undone: to stop using it for a while, deactivate it.
      </p>
    </ConfirmDialog>
  );
}
