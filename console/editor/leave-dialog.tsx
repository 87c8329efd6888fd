import { useBlocker } from "@tanstack/react-router";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";

/** Asks before a page with unsaved text is left, in the console or by closing the tab. */
export function LeaveDialog({
  isUnsaved,
  consequence,
}: {
  isUnsaved: boolean;
  consequence: string;
}) {
  const { status, proceed, reset } = useBlocker({
    // A change of the query stays on the page.
    shouldBlockFn: ({ current, next }) => isUnsaved && current.pathname !== next.pathname,
    enableBeforeUnload: () => isUnsaved,
    withResolver: true,
  });
  if (status !== "blocked") return null;
  return (
    <Dialog
      title="Leave without saving?"
      onClose={reset}
      footer={
        <>
          <Button onClick={proceed}>Leave</Button>
          <Button kind="primary" onClick={reset}>
            Stay
          </Button>
        </>
      }
    >
      <p>{consequence}</p>
    </Dialog>
  );
}
