import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Failed, Loading } from "../parts/states.tsx";
import { Account } from "./account.tsx";
import { notificationQuery } from "./queries.ts";

/** What becomes of a notification that was just accepted. The counts change as its deliveries end. */
export function NotifyOutcome({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(notificationQuery(id));
  return (
    <>
      <p>
        It is in the ledger, and will not be lost.{" "}
        <Link to="/notifications/$id" params={{ id }}>
          Open the notification
        </Link>
      </p>
      {data ? (
        <Account notification={data} />
      ) : error ? (
        <Failed what="the notification" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="what became of it" rows={3} />
      )}
    </>
  );
}
