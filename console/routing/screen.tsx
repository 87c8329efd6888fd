import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import entries from "../parts/entry-list.module.css";
import { Page, Panel } from "../parts/page.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { includesRole, useSession } from "../api/session.ts";
import { changeRule, orderRules } from "./changes.ts";
import { moveTo } from "./order.ts";
import { type Rule, rulesQuery } from "./queries.ts";
import { RuleRow } from "./rule-row.tsx";
import styles from "./screen.module.css";

/** The routing rules in the order in which they are tried. They are moved by keys, buttons or dragging. */
export function RoutingScreen() {
  const navigate = useNavigate();
  const { data, error, refetch } = useQuery(rulesQuery);
  return (
    <Page
      title="Routing"
      documentTitle="Routing"
      actions={
        <Button
          icon="edit"
          kind="primary"
          needs="admin"
          onClick={() => void navigate({ to: "/routing/new" })}
        >
          New rule
        </Button>
      }
    >
      <p className={styles.intro}>
        The first rule that holds for a message chooses its route, unless the rule lets later ones
        add their stages. Without one, the message’s type or the policy does. Messages that were
        accepted before a change keep their route.
      </p>
      <Panel isFlush>
        {data ? (
          <>
            {error && <ProblemBanner error={error} retry={() => void refetch()} />}
            {data.items.length === 0 ? (
              <Empty title="No routing rules yet">
                A rule sends some messages another way, such as urgent ones also by push. Before you
                save it, you see which messages of the last day it would have changed.
              </Empty>
            ) : (
              <Rules rules={data.items} />
            )}
          </>
        ) : error ? (
          <Failed what="the routing rules" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the routing rules" />
        )}
      </Panel>
    </Page>
  );
}

function Rules({ rules }: { rules: readonly Rule[] }) {
  const client = useQueryClient();
  const isAdmin = includesRole(useSession().role, "admin");
  const [dragged, drag] = useState<{ key: string; over: number } | null>(null);
  const order = useMutation({
    mutationFn: orderRules,
    onSettled: () => client.invalidateQueries({ queryKey: ["routing-rules"] }),
  });
  const toggle = useMutation({
    mutationFn: ({ key, version, active }: Pick<Rule, "key" | "version" | "active">) =>
      changeRule(key, version, { active: !active }),
    onSettled: () => client.invalidateQueries({ queryKey: ["routing-rules"] }),
    onSuccess: (after) =>
      showToast(`${after.name} is ${after.active ? "active" : "inactive"}.`, {
        icon: after.active ? "play" : "pause",
        undo: () => toggle.mutate(after),
      }),
  });
  const saved = rules.map(({ key }) => key);
  // While an order is saved, the list shows it.
  const keys = order.isPending ? order.variables : saved;
  const shown = keys.flatMap((key) => rules.find((rule) => rule.key === key) ?? []);

  const move = (key: string, place: number) => {
    const next = moveTo(saved, key, place);
    if (!isAdmin || order.isPending || next === null) return;
    order.mutate(next, {
      onSuccess: () =>
        showToast(`${key} is now number ${next.indexOf(key) + 1}.`, {
          icon: "sort",
          undo: () => order.mutate(saved),
        }),
    });
  };
  const moveBy = (key: string, step: number) => move(key, saved.indexOf(key) + step);
  const { propsOf } = useRowKeys({
    ids: keys,
    keys: {
      "[": (key) => moveBy(key, -1),
      "]": (key) => moveBy(key, 1),
    },
  });
  const error = order.error ?? toggle.error;
  return (
    <>
      {error && <ProblemBanner error={error} />}
      <ol
        className={`${entries.entries} ${styles.rules}`}
        data-busy={order.isPending}
        aria-label="Rules in their order"
      >
        {shown.map((rule, index) => (
          <RuleRow
            key={rule.key}
            rule={rule}
            number={index + 1}
            isLast={index === shown.length - 1}
            rowProps={propsOf(rule.key)}
            isDragged={dragged?.key === rule.key}
            isOver={dragged !== null && dragged.over === index && dragged.key !== rule.key}
            onMove={(step) => moveBy(rule.key, step)}
            onToggle={() => toggle.mutate(rule)}
            onDrag={(event) => {
              if (event === "start") drag({ key: rule.key, over: index });
              else if (event === "over" && dragged) drag({ ...dragged, over: index });
              else if (event === "drop" && dragged) {
                drag(null);
                move(dragged.key, index);
              } else if (event === "end") drag(null);
            }}
          />
        ))}
      </ol>
    </>
  );
}
