import type { Effort } from "../../../domain/templates/effort.ts";
import {
  fillAddress,
  fitsPlan,
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
  fillHtml(values: readonly string[], message: ActionTarget, effort: Effort): string;
  /** Changes the links of the text; null if they stay as they are. */
  changeText: ((text: string) => string) | null;
}

/** Makes the links of messages. */
export interface MessageLinks {
  compile(literals: readonly (string | null)[], tracking: MessageTracking): ChangedLinks;
}

/** The link that no person sees, before and after its address. */
const linkBefore = '<a href="';
const linkAfter = '" style="display:none" aria-hidden="true" tabindex="-1" rel="nofollow"></a>';
/** The image by which it is known that a message was opened. */
const imageBefore = '<img src="';
const imageAfter =
  '" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">';

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

  /** The HTML for the end of the body. */
  function addTo(
    { opens, clicks }: MessageTracking,
    clickUrl: string,
    openUrl: string,
    hidden: string,
  ) {
    const link = clicks ? linkBefore + escapeHtml(clickUrl) + hidden + linkAfter : "";
    return opens ? `${link}${imageBefore}${escapeHtml(openUrl)}${imageAfter}` : link;
  }

  function createReplace({ clicks, utm, switchId }: MessageTracking): ReplaceAddress {
    const numbers = new Map<string, number>();
    const numberOf = (label: string) => {
      const number = numbers.get(label) ?? numberLink(label);
      if (numbers.size < keptReplacements) numbers.set(label, number);
      return number;
    };
    return (href, label) => {
      const address = webAddress(href);
      if (address === null || isOwn(address)) return null;
      const url = utm === null ? address.href : addUtm(address.href, utm);
      if (!clicks) return url === address.href ? null : { isTracked: false, text: url };
      const text = tokens.signLink({ number: numberOf(label), switchId, url });
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
      const { switchId, utm } = tracking;
      const hidden = tokens.signLink({ number: hiddenLink, switchId, url: "" });
      const encodedAddition = {
        link: [encode(linkBefore), encode(hidden + linkAfter)] as const,
        image: [encode(imageBefore), encode(imageAfter)] as const,
      };
      const parts =
        planLinks(literals, replace)?.map((part, index, all) =>
          part.kind === "literal"
            ? { ...part, text: (index === all.length - 1 ? encodeLast : encode)(part.text) }
            : part,
        ) ?? null;

      function fillPlan(
        values: readonly string[],
        clickUrl: string,
        openUrl: string,
        effort: Effort,
      ): string | null {
        if (parts === null || values.length !== literals.length) return null;
        const encodedClick = encode(escapeHtml(clickUrl));
        const nested = { clickUrl, addition: "" };
        let filled = "";
        for (const part of parts)
          switch (part.kind) {
            case "literal":
              filled += part.text;
              break;
            case "click":
              filled += encodedClick;
              break;
            case "addition":
              if (tracking.clicks)
                filled += encodedAddition.link[0] + encodedClick + encodedAddition.link[1];
              if (tracking.opens)
                filled +=
                  encodedAddition.image[0] + encode(escapeHtml(openUrl)) + encodedAddition.image[1];
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
              filled += encode(fillAddress(written.join(""), part.label, replace, clickUrl));
            }
          }
        return filled;
      }

      return {
        fillHtml(values, message, effort) {
          const clickUrl = tracking.clicks
            ? `${trackingUrl}/t/c/${tokens.signMessage("click", message)}/`
            : "";
          const openUrl = tracking.opens
            ? `${trackingUrl}/t/o/${tokens.signMessage("open", message)}.gif`
            : "";
          const filled = fillPlan(values, clickUrl, openUrl, effort);
          if (filled !== null) return filled;
          const html = values.join("");
          effort.spendOn(readingFactor * html.length);
          const addition = addTo(tracking, clickUrl, openUrl, hidden);
          return encodeLast(rewriteHtml(html, replaceAgain, { clickUrl, addition }));
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
  };
}
