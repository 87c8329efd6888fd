import { Icon } from "../parts/icon.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import styles from "./builder.module.css";
import { type FoundProblem, type SectionId, sectionOf } from "./problems.ts";
import { goToSection, sectionNames } from "./section.tsx";

interface OutlineProps {
  sections: readonly SectionId[];
  /** The section that has, or last had, the focus. */
  current: SectionId;
  problems: readonly FoundProblem[];
}

/** The sections of the builder, with whether each is complete. `j` and `k` step through them. */
export function Outline({ sections, current, problems }: OutlineProps) {
  const open = new Set(problems.map(({ field }) => sectionOf(field)));
  if (problems.length > 0) open.add("review");
  const step = (by: number) => {
    const next = sections[sections.indexOf(current) + by];
    if (next) goToSection(next);
  };
  useShortcuts({ j: () => step(1), k: () => step(-1) });
  return (
    <nav
      className={styles.outline}
      aria-label="Sections"
      title="j and k: next and previous section"
    >
      {sections.map((id) => (
        <button
          key={id}
          type="button"
          aria-current={id === current ? "true" : undefined}
          onClick={() => goToSection(id)}
        >
          <Icon name={open.has(id) ? "circle" : "check"} />
          <span>{sectionNames[id]}</span>
          <span className="hidden-text">{open.has(id) ? ", not complete" : ", complete"}</span>
        </button>
      ))}
    </nav>
  );
}
