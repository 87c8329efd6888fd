import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { deliveryQuery, explanationQuery } from "./queries.ts";
import { Columns, Stack } from "../parts/columns.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { shortenId } from "../parts/short-id.tsx";
import { CopyButton, Failed, Loading } from "../parts/states.tsx";
import { describeForTicket } from "../why/ticket.ts";
import { MessagePanel } from "../message/message-panel.tsx";
import { Why } from "../why/why.tsx";
import { DeliveryFacts } from "./delivery-facts.tsx";
import { DeliveryVerbs } from "./delivery-verbs.tsx";
import { GroupMembers } from "./group-members.tsx";
import { LifeLine } from "./life-line.tsx";
import { Neighbours } from "./neighbours.tsx";

/** One delivery: what it is, what was sent, and why it was sent, waits, or was not sent. */
export function DeliveryScreen() {
  const { id } = useParams({ from: "/deliveries/$id" });
  const delivery = useQuery(deliveryQuery(id));
  const explanation = useQuery(explanationQuery(id));
  return (
    <Page
      up={{ to: "/deliveries", name: "Deliveries" }}
      title={<span title={id}>{shortenId(id)}</span>}
      documentTitle="Delivery"
      actions={
        <>
          {delivery.data && <DeliveryVerbs delivery={delivery.data} />}
          <Neighbours key={id} id={id} />
        </>
      }
    >
      <Columns>
        <Stack>
          <Panel title="Facts">
            {delivery.data ? (
              <DeliveryFacts delivery={delivery.data} />
            ) : delivery.error ? (
              <Failed
                what="this delivery"
                error={delivery.error}
                retry={() => void delivery.refetch()}
              />
            ) : (
              <Loading what="the delivery" />
            )}
          </Panel>
          {delivery.data && (
            <Panel title="History">
              <LifeLine delivery={delivery.data} />
            </Panel>
          )}
          {delivery.data && delivery.data.group !== null && (
            <GroupMembers group={delivery.data.group} id={id} />
          )}
        </Stack>
        <Stack>
          <MessagePanel id={id} />
          <Panel
            title="Why"
            aside={
              delivery.data &&
              explanation.data && (
                <CopyButton
                  text={describeForTicket(explanation.data, delivery.data.attempts)}
                  label="Copy as text for a support ticket"
                />
              )
            }
          >
            {explanation.data && delivery.data ? (
              <Why explanation={explanation.data} delivery={delivery.data} />
            ) : explanation.error ? (
              <Failed
                what="the explanation"
                error={explanation.error}
                retry={() => void explanation.refetch()}
              />
            ) : (
              <Loading what="the explanation" />
            )}
          </Panel>
        </Stack>
      </Columns>
    </Page>
  );
}
