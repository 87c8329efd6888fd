import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Dialog } from "../parts/dialog.tsx";
import { RecipientSearch } from "../parts/recipient-search.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { addSubscriber, type Topic } from "./queries.ts";

/** Finds a recipient and subscribes them to the topic. */
export function AddSubscriberDialog({ topic, onClose }: { topic: Topic; onClose: () => void }) {
  const client = useQueryClient();
  const add = useMutation({
    mutationFn: (recipient: string) => addSubscriber(topic.key, recipient),
    async onSuccess({ status }) {
      await client.invalidateQueries({ queryKey: ["topics"] });
      showToast(
        status === "pending"
          ? "The recipient is asked for confirmation by email."
          : "The recipient is subscribed.",
      );
      onClose();
    },
  });
  return (
    <Dialog title="Add a subscriber" onClose={onClose}>
      <p>
        {topic.optIn === "double"
          ? "They receive an email that asks for confirmation, and are pending until then."
          : "They are subscribed at once. Only somebody who has unsubscribed by themselves is asked for confirmation."}{" "}
        Add only people who have asked for it.
      </p>
      <RecipientSearch label="Recipient" hasFocus onChoose={(id) => add.mutate(id)} />
      {add.error && <ProblemBanner error={add.error} />}
    </Dialog>
  );
}
