import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { showToast } from "../parts/toast.tsx";
import { channelWords, toWords } from "../words/statuses.ts";
import { removeDevice } from "./actions.ts";
import { addressesQuery, type Device } from "./queries.ts";
import styles from "./devices-tab.module.css";

/** Where the recipient is reached: their email address and phone number, and the devices for push messages. */
export function DevicesTab({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(addressesQuery(id));
  const [removed, setRemoved] = useState<Device | null>(null);
  if (!data)
    return (
      <Panel title="Devices and addresses">
        {error ? (
          <Failed what="the addresses" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the addresses" />
        )}
      </Panel>
    );
  return (
    <div className={styles.parts}>
      <Panel title="Addresses" isFlush>
        {data.contacts.length > 0 ? (
          <ul className={styles.list}>
            {data.contacts.map(({ channel, address, suppressed }) => (
              <li key={channel}>
                <Icon name={channel} />
                <span className={styles.what}>
                  <strong>{address}</strong>
                  <span className="muted">{channelWords[channel]}</span>
                </span>
                {suppressed ? (
                  <span className={styles.state}>
                    <Chip tone="suppressed" icon="shield" word="Suppressed" />
                    <span>
                      {toWords(suppressed.reason)}, since <Instant at={suppressed.since} />
                    </span>
                  </span>
                ) : (
                  <Chip tone="delivered" icon="check" word="May be used" />
                )}
              </li>
            ))}
          </ul>
        ) : (
          <Empty icon="email" title="No email address and no phone number">
            The recipient is reached in their inbox, and on their devices.
          </Empty>
        )}
      </Panel>
      <Panel title="Devices" isFlush>
        {data.items.length > 0 ? (
          <ul className={styles.list}>
            {data.items.map((device) => (
              <li key={device.id}>
                <Icon name="push" />
                <span className={styles.what}>
                  <strong>{device.label ?? "A browser without a name"}</strong>
                  <span className="muted">
                    {device.service}
                    {device.ending !== null && ` …${device.ending}`}
                  </span>
                  <span className="muted">
                    Last used <Instant at={device.lastUsedAt} />
                  </span>
                </span>
                {device.disabledAt === null ? (
                  <Chip tone="delivered" icon="check" word="In use" />
                ) : (
                  <span className={styles.state}>
                    <Chip tone="failed" icon="cross" word="Not used" />
                    <span>
                      {toWords(device.disabledReason ?? "disabled")}, since{" "}
                      <Instant at={device.disabledAt} />
                    </span>
                  </span>
                )}
                <Button needs="sender" icon="close" onClick={() => setRemoved(device)}>
                  Remove
                </Button>
              </li>
            ))}
          </ul>
        ) : (
          <Empty icon="push" title="No devices">
            A browser registers itself for push messages, with a token of the recipient.
          </Empty>
        )}
      </Panel>
      {removed && <RemoveDialog recipient={id} device={removed} onClose={() => setRemoved(null)} />}
    </div>
  );
}

function RemoveDialog({
  recipient,
  device,
  onClose,
}: {
  recipient: string;
  device: Device;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => removeDevice(recipient, device.id),
    onSuccess: () => {
      onClose();
      showToast("The device is removed.");
      void client.invalidateQueries({ queryKey: ["addresses", recipient] });
    },
  });
  return (
    <ConfirmDialog
      title="Remove a device"
      keep="Keep it"
      act="Remove the device"
      kind="danger"
      needs="sender"
      change={remove}
      onClose={onClose}
    >
      <p>
        Push messages do not go to <strong>{device.label ?? "this browser"}</strong> any more. Only
        the browser itself can register again.
      </p>
    </ConfirmDialog>
  );
}
