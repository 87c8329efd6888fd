import { parsePublicId } from "../../../domain/ids.ts";
import type { Effort } from "../../../domain/templates/effort.ts";
import {
  fillAddress,
  fitsPlan,
  type MessageParts,
  planLinks,
  type ReplaceAddress,
  type Replacement,
  rewriteHtml,
} from "../../../domain/templates/links/link-plan.ts";
import { rewriteText } from "../../../domain/templates/links/text-links.ts";
import {
  addUtm,
  numberLink,
  ownAddresses,
  webAddress,
} from "../../../domain/templates/links/web-links.ts";
import { escapeHtml } from "../../../domain/templates/liquid-values.ts";
import { hiddenLink } from "../../../domain/tracking/judging.ts";
import { createTrackingTokens } from "../../../domain/tracking/tokens.ts";
import type { ActionTarget } from "../../../domain/tokens.ts";
import type { MessageTracking } from "../channel.ts";

/** What the links in messages are made from. It can be sent to a thread. */
export interface LinkSettings {
  /** The secrets that sign links, the newest first. */
  secrets: readonly string[];
  /** The addresses at which recipients reach the API, and at which it is known what they open and follow, without a trailing slash. */
  publicUrl: string;
  trackingUrl: string;
}

/** The HTML and the text of messages of one template version, with changed links. Its cost is spent on `effort`. */
export interface ChangedLinks {
  /** Returns the encoded HTML of a message from the values of the template. */
  fillHtml(values: readonly string[], messageId: string, effort: Effort): string;
  /** Changes the links of the text; null if they stay as they are. */
  changeText: ((text: string) => string) | null;
}

/** Makes the links of messages. */
export interface MessageLinks {
  compile(literals: readonly (string | null)[], tracking: MessageTracking): ChangedLinks;
  /** The address at which a browser shows the message; undefined for the message of a group, which is not kept. */
  viewUrl(messageId: string): string | undefined;
}

/** Replacements are remembered by address, because blocks of a template have the same links in many messages. Personal addresses are not worth more. */
const keptReplacements = 500;
/** Reading HTML takes this many times the work of copying it. */
const readingFactor = 16;

/** @param encode encodes a part of the HTML, so that another part can follow. The last part is encoded by `encodeLast`. */
export function createMessageLinks(
  { secrets, publicUrl, trackingUrl }: LinkSettings,
  {
    encode,
    encodeLast,
  }: { encode: (part: string) => string; encodeLast: (part: string) => string },
): MessageLinks {
  const tokens = createTrackingTokens(secrets);
  const isOwn = ownAddresses([publicUrl, trackingUrl]);

  function partsOf(messageId: string, tracking: MessageTracking, hidden: string): MessageParts {
    const message = targetOf(messageId);
    const clickUrl = tracking.clicks
      ? `${trackingUrl}/t/c/${tokens.signMessage("click", message)}/`
      : "";
    const image = tracking.opens
      ? `<img src="${escapeHtml(`${trackingUrl}/t/o/${tokens.signMessage("open", message)}.gif`)}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">`
      : "";
    return {
      clickUrl,
      addition:
        (tracking.clicks
          ? `<a href="${escapeHtml(clickUrl + hidden)}" style="display:none" aria-hidden="true" tabindex="-1" rel="nofollow"></a>`
          : "") + image,
    };
  }

  function createReplace({ clicks, utm, campaignId }: MessageTracking): ReplaceAddress {
    return (href, label) => {
      const address = webAddress(href);
      if (address === null || isOwn(address)) return null;
      const url = utm === null ? address : addUtm(address, utm);
      if (!clicks) return url === address ? null : { isTracked: false, text: url };
      const text = tokens.signLink({ number: numberLink(label), campaignId, url });
      return { isTracked: true, text };
    };
  }

  return {
    compile(literals, tracking) {
      const replace = createReplace(tracking);
      const kept = new Map<string, Replacement | null>();
      const replaceAgain: ReplaceAddress = (href, label) => {
        const known = kept.get(href);
        if (known !== undefined) return known;
        const replacement = replace(href, label);
        if (kept.size >= keptReplacements) kept.clear();
        kept.set(href, replacement);
        return replacement;
      };
      const { campaignId, utm } = tracking;
      const hidden = tokens.signLink({ number: hiddenLink, campaignId, url: "" });
      const parts =
        planLinks(literals, replace)?.map((part, index, all) =>
          part.kind === "literal"
            ? { ...part, text: (index === all.length - 1 ? encodeLast : encode)(part.text) }
            : part,
        ) ?? null;

      function fillPlan(
        values: readonly string[],
        message: MessageParts,
        effort: Effort,
      ): string | null {
        if (parts === null || values.length !== literals.length) return null;
        const clickUrl = encode(escapeHtml(message.clickUrl));
        const nested = { ...message, addition: "" };
        let filled = "";
        for (const part of parts)
          switch (part.kind) {
            case "literal":
              filled += part.text;
              break;
            case "click":
              filled += clickUrl;
              break;
            case "addition":
              filled += encode(message.addition);
              break;
            case "value": {
              const value = values[part.index]!;
              const hasMarkup = value.includes("<");
              if (hasMarkup) effort.spendOn(readingFactor * value.length);
              if (!fitsPlan(value, part.isText)) return null;
              filled += encode(hasMarkup ? rewriteHtml(value, replaceAgain, nested) : value);
              break;
            }
            case "address": {
              const written = part.parts.map((one) =>
                typeof one === "string" ? one : values[one]!,
              );
              if (
                part.parts.some((one) => typeof one === "number" && !fitsPlan(values[one]!, false))
              )
                return null;
              filled += encode(
                fillAddress(written.join(""), part.label, replace, message.clickUrl),
              );
            }
          }
        return filled;
      }

      return {
        fillHtml(values, messageId, effort) {
          const message = partsOf(messageId, tracking, hidden);
          const filled = fillPlan(values, message, effort);
          if (filled !== null) return filled;
          const html = values.join("");
          effort.spendOn(readingFactor * html.length);
          return encodeLast(rewriteHtml(html, replaceAgain, message));
        },
        changeText:
          utm &&
          ((text) =>
            rewriteText(text, (found) => {
              const address = webAddress(found);
              return address === null || isOwn(address) ? found : addUtm(found, utm);
            })),
      };
    },
    viewUrl(messageId) {
      const message = targetOf(messageId);
      return "delivery" in message
        ? `${publicUrl}/m/${tokens.signMessage("view", message)}`
        : undefined;
    },
  };
}

function targetOf(messageId: string): ActionTarget {
  const delivery = parsePublicId("delivery", messageId);
  return delivery === null ? { group: parsePublicId("group", messageId)! } : { delivery };
}
