import type { UseMutationResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Role } from "../api/session.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { ProblemBanner } from "./states.tsx";

interface ConfirmDialogProps {
  title: string;
  /** The name of the button that closes the dialog and changes nothing. */
  keep: string;
  /** The name of the button that makes the change. */
  act: string;
  kind?: "primary" | "danger";
  needs: Role;
  /** The change. Its failure is shown in the dialog, which stays open. */
  change: Pick<UseMutationResult<unknown, Error, void>, "mutate" | "isPending" | "error">;
  onClose: () => void;
  /** What the change does. */
  children: ReactNode;
}

/** Says what a change does, and makes it if that is confirmed. */
export const ConfirmDialog = ({
  title,
  keep,
  act,
  kind = "primary",
  needs,
  change,
  onClose,
  children,
}: ConfirmDialogProps) => (
  <Dialog
    title={title}
    onClose={onClose}
    footer={
      <>
        <Button onClick={onClose}>{keep}</Button>
        <Button
          kind={kind}
          needs={needs}
          disabled={change.isPending}
          onClick={() => change.mutate()}
        >
          {act}
        </Button>
      </>
    }
  >
    {children}
    {change.error && <ProblemBanner error={change.error} />}
  </Dialog>
);
