import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { deliveryQuery, explanationQuery } from "../deliveries/queries.ts";
import { Drawer } from "../parts/drawer.tsx";
import { shortenId } from "../parts/short-id.tsx";
import { CopyButton, Failed, Loading } from "../parts/states.tsx";
import { DeliveryFacts } from "../deliveries/delivery-facts.tsx";
import { DeliveryVerbs } from "../deliveries/delivery-verbs.tsx";
import { describeForTicket } from "./ticket.ts";
import { Why } from "./why.tsx";
import styles from "./delivery-drawer.module.css";

/** A delivery beside any page: what it is, or why it was sent, waits, or was not sent. */
export default function DeliveryDrawer({ id, view }: { id: string; view: "why" | "peek" }) {
  const navigate = useNavigate();
  const close = () =>
    void navigate({
      to: ".",
      search: (before) => ({ ...before, why: undefined, peek: undefined }) as never,
    });
  const switchTo = (next: "why" | "peek") => ({
    to: "." as const,
    search: (before: Record<string, unknown>) =>
      ({ ...before, why: undefined, peek: undefined, [next]: id }) as never,
    replace: true,
  });
  return (
    <Drawer
      title={`Delivery ${shortenId(id)}`}
      onClose={close}
      aside={
        <nav className={styles.views} aria-label="Views of the delivery">
          <Link {...switchTo("peek")} data-current={view === "peek"}>
            Facts
          </Link>
          <Link {...switchTo("why")} data-current={view === "why"}>
            Why
          </Link>
          <Link to="/deliveries/$id" params={{ id }}>
            Open
          </Link>
        </nav>
      }
    >
      {view === "why" ? <WhyView id={id} /> : <PeekView id={id} />}
    </Drawer>
  );
}

function PeekView({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(deliveryQuery(id));
  if (data)
    return (
      <>
        <DeliveryVerbs delivery={data} />
        <DeliveryFacts delivery={data} />
      </>
    );
  if (error) return <Failed what="this delivery" error={error} retry={() => void refetch()} />;
  return <Loading what="the delivery" />;
}

function WhyView({ id }: { id: string }) {
  const explanation = useQuery(explanationQuery(id));
  const delivery = useQuery(deliveryQuery(id));
  const error = explanation.error ?? delivery.error;
  if (explanation.data && delivery.data)
    return (
      <>
        <div className={styles.verbs}>
          <DeliveryVerbs delivery={delivery.data} />
          <CopyButton
            text={describeForTicket(explanation.data, delivery.data.attempts)}
            label="Copy as text for a support ticket"
          />
        </div>
        <Why explanation={explanation.data} delivery={delivery.data} />
      </>
    );
  if (error)
    return (
      <Failed
        what="the explanation"
        error={error}
        retry={() => void Promise.all([explanation.refetch(), delivery.refetch()])}
      />
    );
  return <Loading what="the explanation" rows={10} />;
}
