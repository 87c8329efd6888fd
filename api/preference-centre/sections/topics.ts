import type { TopicChoice } from "../../../ledger/topic-choices.ts";
import { type Html, html } from "../../recipient-pages/html.ts";
import { formatDay } from "../moments.ts";
import { form, notice, type Shown } from "../shown.ts";
import { isJoined, listTopics } from "../topics.ts";
import { fill } from "../words/words.ts";

/** The topics, each with a button that subscribes or unsubscribes; nothing if there are none. */
export function renderTopics(shown: Shown): Html | null {
  const { centre } = shown;
  const { words, isAllOff } = centre;
  const topics = listTopics(centre);
  if (topics.length === 0) return null;
  return html`<div id="topics">
    <h3>${words.topics}</h3>
    ${notice(shown, "topics")}${isAllOff && html`<p class="soft">${words.stoppedAll}</p>`}
    <ul class="topics">
      ${topics.map((topic) => html`<li class="item">${renderTopic(shown, topic)}</li> `)}
    </ul>
  </div>`;
}

function renderTopic(shown: Shown, topic: TopicChoice): Html {
  const { words } = shown.centre;
  const { key, name } = topic;
  const wanted = isJoined(topic) ? "unsubscribed" : "subscribed";
  const button = (value: string, text: string) =>
    html`<button
      type="submit"
      class="secondary"
      name="wanted"
      value="${value}"
      aria-label="${text}: ${name}"
    >
      ${text}
    </button>`;
  const canConfirm = topic.status === "pending" && topic.isOpen;
  return form(
    shown,
    "topics",
    html`<input type="hidden" name="topic" value="${key}" />
      <div class="topic">
        <div>
          <strong>${name}</strong>
          <p class="soft">${stateOf(shown, topic)}</p>
        </div>
        <div class="row">
          ${canConfirm && button("subscribed", words.topicConfirm)}${button(wanted, wanted === "subscribed" ? words.topicJoin : words.topicLeave)}
        </div>
      </div>`,
  );
}

function stateOf({ centre }: Shown, { status, subscribedAt }: TopicChoice): string {
  const { words, recipient } = centre;
  if (status === "pending") return words.topicPending;
  if (status !== "subscribed") return words.topicNone;
  if (subscribedAt === null) return words.topicHeld;
  const { locale, timeZone: zone } = recipient;
  return fill(words.topicSince, { when: formatDay(subscribedAt.getTime(), { locale, zone }) });
}
