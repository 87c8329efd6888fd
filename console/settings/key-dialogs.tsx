import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useSession } from "../api/session.ts";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Field } from "../parts/form.tsx";
import { showToast } from "../parts/toast.tsx";
import { type ApiKey, type KeyWithSecret, revokeKey, rotateKey } from "./queries.ts";

const overlaps = [
  ["86400", "For a day"],
  ["3600", "For an hour"],
  ["604800", "For a week"],
  ["0", "Not at all: it stops at once"],
] as const;

/** Gives a key another secret. */
export function RotateDialog({
  apiKey,
  onClose,
  onMade,
}: {
  apiKey: ApiKey;
  onClose: () => void;
  onMade: (key: KeyWithSecret) => void;
}) {
  const [overlap, setOverlap] = useState<string>(overlaps[0][0]);
  const { keyId } = useSession();
  const client = useQueryClient();
  const rotate = useMutation({
    mutationFn: () => rotateKey(apiKey.id, Number(overlap)),
    onSuccess: async (made) => {
      onMade(made);
      // Rotating the own key ends this session, and the secret has to be seen before that is noticed.
      if (apiKey.id !== keyId) await client.invalidateQueries({ queryKey: ["api-keys"] });
    },
  });
  return (
    <ConfirmDialog
      title={`Rotate ${apiKey.name}`}
      keep="Keep the secret"
      act="Make a new secret"
      needs="admin"
      change={rotate}
      onClose={onClose}
    >
      <p>
        The key keeps its id, its rights and its history, and gets a new secret. Browsers that
        signed in with it have to sign in again{apiKey.id === keyId && ", this one too"}.
      </p>
      <Field label="The previous secret still works">
        {(control) => (
          <select {...control} value={overlap} onChange={({ target }) => setOverlap(target.value)}>
            {overlaps.map(([seconds, name]) => (
              <option key={seconds} value={seconds}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
    </ConfirmDialog>
  );
}

/** Revokes a key for good. */
export function RevokeDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const [key] = useState(() => crypto.randomUUID());
  const { keyId } = useSession();
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeKey(apiKey.id, key),
    onSuccess: async () => {
      onClose();
      showToast(`The key ${apiKey.name} is revoked.`, { icon: "stop" });
      await client.invalidateQueries();
    },
  });
  return (
    <ConfirmDialog
      title={`Revoke ${apiKey.name}`}
      keep="Keep the key"
      act="Revoke the key"
      kind="danger"
      needs="admin"
      change={revoke}
      onClose={onClose}
    >
      <p>
        Every process refuses it within two seconds, and browsers that signed in with it are signed
        out. That cannot be undone: whatever uses the key needs a new one.
      </p>
      {apiKey.id === keyId && (
        <p>
          <strong>This is the key that you have signed in with.</strong> You will be signed out.
        </p>
      )}
    </ConfirmDialog>
  );
}
