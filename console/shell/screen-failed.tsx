import { useQueryClient } from "@tanstack/react-query";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { useEffect } from "react";
import { findStaleSince } from "../api/staleness.ts";
import { Button } from "../parts/button.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";
import { ScreenNotLoaded } from "./lazy-screen.ts";

/** How often it is checked whether the console is served again. */
const lookMs = 2_000;

/**
 * Shown in place of a screen whose code could not be loaded. If that was because nothing was served, the page is loaded again once it is. If it was
 * because another version has been installed, that is left to the person: it cannot help more than once.
 */
export function ScreenFailed({ error }: ErrorComponentProps) {
  const isNotLoaded = error instanceof ScreenNotLoaded;
  const client = useQueryClient();
  useEffect(() => {
    if (!isNotLoaded) return;
    // It may be back before it is looked for.
    let wasGone = findStaleSince(client) !== null;
    const look = setInterval(() => {
      fetch(location.href, { method: "HEAD" }).then(
        ({ ok }) => {
          if (ok && wasGone) location.reload();
          wasGone ||= !ok;
        },
        () => {
          wasGone = true;
        },
      );
    }, lookMs);
    return () => clearInterval(look);
  }, [client, isNotLoaded]);
  // Any other failure is one of the whole console.
  if (!isNotLoaded) throw error;
  return (
    <Page title="Not loaded" documentTitle="Not loaded">
      <Panel>
        <Empty
          icon="warning"
          title="This screen could not be loaded"
          actions={
            <Button icon="retry" onClick={() => location.reload()}>
              Load the page again
            </Button>
          }
        >
          The API, which serves it, does not respond, or a new version has been installed. Once the
          API is back, the page is loaded again by itself. The address keeps what you were looking
          at.
        </Empty>
      </Panel>
    </Page>
  );
}
