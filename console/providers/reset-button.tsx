import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { showToast } from "../parts/toast.tsx";
import { resetProvider } from "./changes.ts";
import type { Provider } from "./queries.ts";

/** Uses a provider again at once, after a confirmation. It is shown where there is something to reset. */
export function ResetButton({ provider }: { provider: Provider }) {
  const [key, setKey] = useState<string | null>(null);
  const client = useQueryClient();
  const { name, breaker, gate } = provider;
  const reset = useMutation({
    mutationFn: () => resetProvider(name, key!),
    onSuccess: () => {
      setKey(null);
      showToast(`${name} is used again. Workers notice within a second.`, { icon: "retry" });
    },
    onSettled: () => client.invalidateQueries(),
  });
  const isPaused = gate?.shutUntil != null && gate.shutBy === null;
  if (breaker.state === "closed" && !isPaused && breaker.failures === 0) return null;
  return (
    <>
      <Button
        icon="retry"
        needs="admin"
        onClick={() => {
          reset.reset();
          setKey(crypto.randomUUID());
        }}
      >
        Reset
      </Button>
      {key !== null && (
        <ConfirmDialog
          title={`Reset ${name}`}
          keep="Leave it as it is"
          act="Use it again"
          needs="admin"
          change={reset}
          onClose={() => setKey(null)}
        >
          <p>
            Its failures are forgotten, and messages are handed to it at once. If the fault is still
            there, it fails again and is left out after as many failures as before; the messages go
            to the next provider or wait. Rate limits and quotas stay in force.
          </p>
          {breaker.reason !== null && (
            <p>
              Its last failure was: <q>{breaker.reason}</q>
            </p>
          )}
        </ConfirmDialog>
      )}
    </>
  );
}
