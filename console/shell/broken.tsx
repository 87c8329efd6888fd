import type { ErrorComponentProps } from "@tanstack/react-router";

/** Shown if the console itself fails, for example because its files were replaced by those of another version. */
export function Broken({ error }: ErrorComponentProps) {
  return (
    <main style={{ padding: "2rem", display: "grid", gap: "1rem", justifyItems: "start" }}>
      <h1>The console has failed</h1>
      <p role="alert">
        Load the page again: a new version may have been installed meanwhile. The address keeps what
        you were looking at.
      </p>
      <code>{error instanceof Error ? error.message : String(error)}</code>
      <button type="button" onClick={() => location.reload()}>
        Load the page again
      </button>
    </main>
  );
}
