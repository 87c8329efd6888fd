import type { ReactNode } from "react";
import type { SectionId } from "./problems.ts";
import styles from "./builder.module.css";

export const sectionNames: Record<SectionId, string> = {
  message: "Message",
  audience: "Audience",
  timing: "When and how fast",
  tracking: "Tracking",
  guard: "Guard",
  review: "Review",
};

/** A section of the builder. Its heading takes the focus when somebody goes there. */
export function Section({ id, children }: { id: SectionId; children: ReactNode }) {
  return (
    <section id={id} className={styles.section} aria-labelledby={`${id}-heading`}>
      <header className={styles.sectionHeading}>
        <h2 id={`${id}-heading`} tabIndex={-1}>
          {sectionNames[id]}
        </h2>
      </header>
      <div className={styles.sectionBody}>{children}</div>
    </section>
  );
}

/** Brings a section into view, and gives its heading the focus. */
export function goToSection(id: SectionId): void {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.getElementById(id)?.scrollIntoView({ behavior: isCalm ? "auto" : "smooth" });
  document.getElementById(`${id}-heading`)?.focus({ preventScroll: true });
}
