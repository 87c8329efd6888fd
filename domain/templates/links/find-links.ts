import { QuoteType, Tokenizer, type TokenizerCallbacks } from "htmlparser2";

/** The address of a link in HTML. */
export interface FoundLink {
  /** The offsets at which the address begins and ends. */
  start: number;
  end: number;
  /** The address, with its entities decoded. */
  href: string;
}

/** What HTML contains, as far as links are concerned. */
export interface FoundLinks {
  links: FoundLink[];
  /** The offset of the last `</body>`; null without one. */
  bodyEnd: number | null;
  /** The offsets of texts between tags. */
  texts: { start: number; end: number }[];
  /** Whether an unquoted attribute contains one of `unquotable`. */
  hasUnquoted: boolean;
}

/** Elements whose content is no HTML. */
const rawElements = new Set(
  "script style title textarea xmp iframe noembed noframes noscript plaintext".split(" "),
);

/**
 * Finds the addresses of the links of HTML, as a browser would. Leaves out links with the attribute `data-tracking="off"`, and those
 * whose address begins with an entity, since nothing that means well writes it so.
 * @param unquotable characters that matter to the caller in attributes without quotes
 */
export function findLinks(html: string, unquotable: RegExp | null = null): FoundLinks {
  const found: FoundLinks = { links: [], bodyEnd: null, texts: [], hasUnquoted: false };
  let element = "";
  let raw: string | null = null;
  let attribute = "";
  let value = "";
  let valueStart: number | null = null;
  let beginsWithEntity = false;
  let link: FoundLink | null = null;
  let hasHref = false;
  let isOff = false;

  const endTag = () => {
    if ((element === "a" || element === "area") && link !== null && !isOff) found.links.push(link);
    if (rawElements.has(element)) raw = element;
  };
  const ignore = () => {};
  const callbacks: TokenizerCallbacks = {
    ontext(start, end) {
      if (raw === null) found.texts.push({ start, end });
    },
    ontextentity: ignore,
    onopentagname(start, end) {
      element = html.slice(start, end).toLowerCase();
      link = null;
      hasHref = false;
      isOff = false;
    },
    onattribname(start, end) {
      attribute = html.slice(start, end).toLowerCase();
      value = "";
      valueStart = null;
      beginsWithEntity = false;
    },
    onattribdata(start, end) {
      valueStart ??= start;
      value += html.slice(start, end);
    },
    onattribentity(codePoint) {
      beginsWithEntity ||= valueStart === null;
      value += String.fromCodePoint(codePoint);
    },
    onattribend(quote, end) {
      if (quote === QuoteType.Unquoted && unquotable?.test(value)) found.hasUnquoted = true;
      if (attribute === "data-tracking") isOff ||= value.trim().toLowerCase() === "off";
      // The first of two attributes of the same name counts.
      if (attribute !== "href" || hasHref) return;
      hasHref = true;
      if (valueStart === null || beginsWithEntity) return;
      const isQuoted = quote === QuoteType.Double || quote === QuoteType.Single;
      link = { start: valueStart, end: isQuoted ? end - 1 : end, href: value };
    },
    onopentagend: endTag,
    onselfclosingtag: endTag,
    onclosetag(start, end) {
      const name = html.slice(start, end).toLowerCase();
      if (name === raw) raw = null;
      if (name === "body") found.bodyEnd = start - 2;
      element = "";
    },
    oncdata: ignore,
    oncomment: ignore,
    ondeclaration: ignore,
    onend: ignore,
    onprocessinginstruction: ignore,
  };
  const tokenizer = new Tokenizer({}, callbacks);
  tokenizer.write(html);
  tokenizer.end();
  return found;
}
