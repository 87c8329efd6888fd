import { Link, useNavigate } from "@tanstack/react-router";
import { includesRole, useSession } from "../api/session.ts";
import { Button, IconButton } from "../parts/button.tsx";
import entries from "../parts/entry-list.module.css";
import { Icon } from "../parts/icon.tsx";
import type { useRowKeys } from "../parts/row-keys.ts";
import { Chip } from "../parts/status-chip.tsx";
import { draftOf } from "./draft.ts";
import type { Rule } from "./queries.ts";
import { RouteDrawing } from "./route-drawing.tsx";
import styles from "./screen.module.css";
import { describeEffects, describeFilter } from "./words.ts";

/** Whether a rule is used: a colour, an icon and the word. */
export const ActiveChip = ({ isActive }: { isActive: boolean }) =>
  isActive ? (
    <Chip tone="delivered" icon="check" word="Active" />
  ) : (
    <Chip tone="cancelled" icon="pause" word="Inactive" />
  );

interface RuleRowProps {
  rule: Rule;
  number: number;
  isLast: boolean;
  rowProps: ReturnType<ReturnType<typeof useRowKeys>["propsOf"]>;
  isDragged: boolean;
  /** Whether the rule that is dragged would be put here. */
  isOver: boolean;
  onMove: (step: -1 | 1) => void;
  onToggle: () => void;
  onDrag: (event: "start" | "over" | "drop" | "end") => void;
}

/** A rule in the list: for which messages it holds, and by which route it sends them. */
export function RuleRow({
  rule,
  number,
  isLast,
  rowProps,
  isDragged,
  isOver,
  onMove,
  onToggle,
  onDrag,
}: RuleRowProps) {
  const isAdmin = includesRole(useSession().role, "admin");
  const navigate = useNavigate();
  const draft = draftOf(rule);
  const effects = describeEffects(draft);
  return (
    // The keys j and k move among the rows, [ and ] move the rule itself, and the buttons do so without keys or dragging.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions
    <li
      {...rowProps}
      data-dragged={isDragged}
      data-over={isOver}
      draggable={isAdmin}
      onKeyDown={({ key, target, currentTarget }) => {
        if (key === "Enter" && target === currentTarget)
          void navigate({ to: "/routing/$key", params: { key: rule.key } });
      }}
      onDragStart={() => onDrag("start")}
      onDragOver={(event) => {
        event.preventDefault();
        onDrag("over");
      }}
      onDrop={(event) => {
        event.preventDefault();
        onDrag("drop");
      }}
      onDragEnd={() => onDrag("end")}
    >
      <span className={styles.place}>
        {isAdmin && (
          <span className={styles.grip} title="Drag to move">
            <Icon name="grip" />
          </span>
        )}
        <span className="figures">{number}</span>
      </span>
      <div className={entries.main}>
        <div className={entries.name}>
          <Link to="/routing/$key" params={{ key: rule.key }}>
            {rule.name}
          </Link>
          <ActiveChip isActive={rule.active} />
        </div>
        <span className={styles.when}>{describeFilter(draft.when)}</span>
        <span className={styles.small}>
          <code>{rule.key}</code>, version {rule.version}
        </span>
      </div>
      <div className={styles.effects}>
        <RouteDrawing stages={draft.route.stages} />
        {effects.length > 0 && <span className={styles.small}>{effects.join(" · ")}</span>}
      </div>
      <div className={styles.verbs}>
        <IconButton
          icon="up"
          label={`Move ${rule.name} up ([)`}
          disabled={!isAdmin || number === 1}
          onClick={() => onMove(-1)}
        />
        <IconButton
          icon="down"
          label={`Move ${rule.name} down (])`}
          disabled={!isAdmin || isLast}
          onClick={() => onMove(1)}
        />
        <Button needs="admin" onClick={onToggle}>
          {rule.active ? "Deactivate" : "Activate"}
        </Button>
      </div>
    </li>
  );
}
