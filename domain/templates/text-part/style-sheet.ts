/** A rule that selects elements by name, id and classes, which all mail programs support. */
interface Rule {
  name: string | null;
  id: string | null;
  classes: readonly string[];
  /** The specificity. The rule with the larger weight is applied later, and so it wins. */
  weight: number;
  declarations: string;
}

/** The most characters of all rules together. Each element is matched with each rule. */
const keptCharacters = 1_000;

/** Matches declarations that may hide text or change its layout. */
const textDeclaration =
  /^(?:display|visibility|font-size|white-space|overflow|list-style(?:-type)?)\s*:|^(?:opacity|(?:max-)?(?:height|width))\s*:\s*0/i;

const selector = /^([a-z][a-z0-9]*|\*)?((?:[.#][\w-]+)*)$/i;

/** The rules in the `<style>` elements of a document that affect its text. At-rules and other selectors are ignored. */
export class StyleSheet {
  readonly #rules: Rule[] = [];
  #characters = 0;

  add(css: string): void {
    const text = css.replaceAll(/\/\*[^]*?(?:\*\/|$)/g, "").replaceAll(/<!--|-->/g, "");
    let at = 0;
    for (
      let begin = text.indexOf("{");
      begin !== -1 && this.#characters <= keptCharacters;
      begin = text.indexOf("{", at)
    ) {
      const before = text.slice(at, begin);
      // A statement such as `@import` may come before the selector.
      const prelude = before.slice(before.lastIndexOf(";") + 1).trim();
      if (prelude.startsWith("@")) at = endOfBlock(text, begin);
      else {
        const end = text.indexOf("}", begin);
        at = end === -1 ? text.length : end + 1;
        this.#addRules(prelude, text.slice(begin + 1, end === -1 ? at : end));
      }
    }
    this.#rules.sort((one, other) => one.weight - other.weight);
  }

  #addRules(selectors: string, block: string): void {
    const declarations = block
      .split(";")
      .map((declaration) => declaration.trim())
      .filter((declaration) => textDeclaration.test(declaration))
      .join(";");
    if (declarations === "") return;
    for (const written of selectors.split(",")) {
      const parts = selector.exec(written.trim());
      if (!parts || written.trim() === "") continue;
      this.#characters += declarations.length;
      if (this.#characters > keptCharacters) return;
      const named = parts[2]!.match(/[.#][^.#]+/g) ?? [];
      const ids = named.filter((part) => part.startsWith("#"));
      const classes = named.filter((part) => part.startsWith(".")).map((part) => part.slice(1));
      if (ids.length > 1) continue;
      const name = parts[1] === undefined || parts[1] === "*" ? null : parts[1].toLowerCase();
      this.#rules.push({
        name,
        id: ids[0]?.slice(1) ?? null,
        classes,
        weight: 1_000 * ids.length + 10 * classes.length + (name === null ? 0 : 1),
        declarations,
      });
    }
  }

  /** Returns the declarations for an element, those of the largest weight at the end; empty if no rule matches. */
  declarationsFor(name: string, attributes: ReadonlyMap<string, string>): string {
    if (this.#rules.length === 0) return "";
    const id = attributes.get("id") ?? null;
    const written = attributes.get("class") ?? "";
    const classes = written === "" ? [] : written.split(/[ \t\n\f\r]+/);
    let declarations = "";
    for (const rule of this.#rules)
      if (
        (rule.name === null || rule.name === name) &&
        (rule.id === null || rule.id === id) &&
        rule.classes.every((name) => classes.includes(name))
      )
        declarations += `${rule.declarations};`;
    return declarations;
  }
}

/** Returns the index after the brace that closes the one at `begin`, or the end of the text. */
function endOfBlock(text: string, begin: number): number {
  let depth = 0;
  for (const brace of text.slice(begin).matchAll(/[{}]/g)) {
    depth += brace[0] === "{" ? 1 : -1;
    if (depth === 0) return begin + brace.index + 1;
  }
  return text.length;
}
