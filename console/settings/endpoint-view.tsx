import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ActorName } from "../parts/actor-name.tsx";
import { Button } from "../parts/button.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts, Panel } from "../parts/page.tsx";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatNoun } from "../words/numbers.ts";
import { EndpointAttempts } from "./endpoint-attempts.tsx";
import { EndpointDialog } from "./endpoint-dialog.tsx";
import {
  DeleteEndpointDialog,
  EndpointSecret,
  ReplayDialog,
  RotateSecretDialog,
} from "./endpoint-dialogs.tsx";
import styles from "./settings.module.css";
import {
  changeEndpoint,
  endpointQuery,
  type EndpointWithSecret,
  sendTest,
  type WebhookEndpoint,
} from "./webhook-queries.ts";
import { describeOff, EndpointChip, kindWords } from "./webhook-words.tsx";

/** A webhook endpoint: how it is set, how sending goes, and the log of requests. */
export function EndpointView({ id }: { id: string }) {
  const { data: endpoint, error, refetch } = useQuery(endpointQuery(id));
  return (
    <>
      <div className={styles.above}>
        <Link to="/settings" search={{ tab: "webhooks" }}>
          All webhooks
        </Link>
      </div>
      {endpoint ? (
        <>
          <Panel title={endpoint.description} aside={<EndpointChip endpoint={endpoint} />}>
            <EndpointFacts endpoint={endpoint} />
            <EndpointActions endpoint={endpoint} />
          </Panel>
          <EndpointAttempts id={id} />
        </>
      ) : (
        <Panel isFlush>
          {error ? (
            <Failed what="the webhook" error={error} retry={() => void refetch()} />
          ) : (
            <Loading what="the webhook" />
          )}
        </Panel>
      )}
    </>
  );
}

/** Above this many, events that wait are not counted. */
const countedWaiting = 10_000;

function EndpointFacts({ endpoint }: { endpoint: WebhookEndpoint }) {
  const { kinds, types, campaign, waiting, givenUp, detail, failingSince, retryAt } = endpoint;
  const { previousSecretUntil, lastSuccessAt, enabled } = endpoint;
  const at = (instant: string | null) => instant && <Instant at={instant} />;
  const counted =
    waiting >= countedWaiting ? "10,000 events or more" : formatNoun(waiting, "event");
  return (
    <>
      {!enabled && <p className={styles.off}>{describeOff(endpoint)}</p>}
      <Facts
        items={[
          [
            "URL",
            <span key="url" className={`mono ${styles.wrapped}`}>
              {endpoint.url}
            </span>,
          ],
          ["Events", kinds.map((kind) => kindWords[kind]).join(", ")],
          ["Types", types.length > 0 ? types.join(", ") : null],
          [
            "Campaign",
            campaign && (
              <Link key="campaign" to="/campaigns/$id" params={{ id: campaign }} className="mono">
                {campaign}
              </Link>
            ),
          ],
          ["Waiting", counted],
          ["Given up", givenUp > 0 ? formatNoun(givenUp, "event") : null],
          ["Last accepted", at(lastSuccessAt) ?? "never"],
          ["Failing since", at(failingSince)],
          ["Last failure", detail],
          ["Tried again", at(retryAt)],
          ["Two secrets sign until", at(previousSecretUntil)],
          ["Created", <Instant key="created" at={endpoint.createdAt} />],
          ["Created by", <ActorName key="by" id={endpoint.createdBy} />],
        ]}
      />
    </>
  );
}

type Over = "edit" | "rotate" | "replay" | "delete" | EndpointWithSecret;

function EndpointActions({ endpoint }: { endpoint: WebhookEndpoint }) {
  const { id, enabled } = endpoint;
  const [over, setOver] = useState<Over | null>(null);
  const close = () => setOver(null);
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ["webhook-endpoints"] });
  const test = useMutation({
    mutationFn: () => sendTest(id),
    onSuccess: () => showToast("A test is sent. The log below shows what came of it."),
    onSettled: refresh,
  });
  const turn = useMutation({
    mutationFn: () => changeEndpoint(id, { enabled: !enabled }),
    onSuccess: (changed) => showToast(`The webhook is ${changed.enabled ? "on" : "off"}.`),
    onSettled: refresh,
  });
  const problem = test.error ?? turn.error;
  return (
    <>
      <div className={styles.verbs}>
        <Button
          needs="admin"
          icon="send"
          disabled={!enabled || test.isPending}
          onClick={() => test.mutate()}
        >
          Send a test
        </Button>
        <Button needs="admin" icon="retry" disabled={!enabled} onClick={() => setOver("replay")}>
          Send events again…
        </Button>
        <Button needs="admin" icon="edit" onClick={() => setOver("edit")}>
          Edit…
        </Button>
        <Button needs="admin" onClick={() => setOver("rotate")}>
          Rotate the secret…
        </Button>
        <Button needs="admin" disabled={turn.isPending} onClick={() => turn.mutate()}>
          {enabled ? "Switch off" : "Switch on"}
        </Button>
        <Button kind="danger" needs="admin" onClick={() => setOver("delete")}>
          Delete…
        </Button>
      </div>
      {problem && <ProblemBanner error={problem} />}
      {over === "edit" && <EndpointDialog endpoint={endpoint} onClose={close} />}
      {over === "rotate" && (
        <RotateSecretDialog endpoint={endpoint} onClose={close} onMade={setOver} />
      )}
      {over === "replay" && <ReplayDialog endpoint={endpoint} onClose={close} />}
      {over === "delete" && <DeleteEndpointDialog endpoint={endpoint} onClose={close} />}
      {over !== null && typeof over === "object" && <EndpointSecret made={over} onClose={close} />}
    </>
  );
}
