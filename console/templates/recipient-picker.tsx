import { useQuery } from "@tanstack/react-query";
import { Dialog } from "../parts/dialog.tsx";
import { RecipientSearch } from "../parts/recipient-search.tsx";
import { ShortId } from "../parts/short-id.tsx";
import { recipientQuery } from "./queries.ts";

/** A recipient as people know them: by the external id, otherwise by their own. */
export function RecipientName({ id }: { id: string }) {
  const { data, error } = useQuery(recipientQuery(id));
  if (error) return <ShortId id={id} />;
  return data?.externalId == null ? (
    <ShortId id={id} />
  ) : (
    <strong title={id}>{data.externalId}</strong>
  );
}

/** A dialog in which a recipient is chosen. */
export const RecipientPicker = ({
  onChoose,
  onClose,
}: {
  onChoose: (id: string) => void;
  onClose: () => void;
}) => (
  <Dialog title="Preview for a recipient" onClose={onClose}>
    <RecipientSearch label="Find a recipient" hasFocus onChoose={onChoose} />
  </Dialog>
);
