/** A rule for elements by their name, id and classes, as all mail programs know them. */
interface Rule {
  name: string | null;
  id: string | null;
  classes: readonly string[];
  /** Of two rules for an element, the one of more weight comes later, and counts. */
  weight: number;
  declarations: string;
}

/** Of all rules that are kept: each is looked at for each element. */
const keptCharacters = 1_000;

/** Without what is usual and hides nothing, such as a width. */
const telling =
  /^(?:display|visibility|font-size|white-space|overflow|list-style(?:-type)?)\s*:|^(?:opacity|(?:max-)?(?:height|width))\s*:\s*0/i;

const selector = /^([a-z][a-z0-9]*|\*)?((?:[.#][\w-]+)*)$/i;

/** What the `<style>` elements of a document say of how its text reads. Rules for some screens, and of other selectors, are left out. */
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
      // A statement such as `@import` may stand before.
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
      .filter((declaration) => telling.test(declaration))
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

  /** The declarations for an element, what counts most at the end; empty for none. */
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
        rule.classes.every((one) => classes.includes(one))
      )
        declarations += `${rule.declarations};`;
    return declarations;
  }
}

/** After the brace that closes the one at `begin`, or at the end. */
function endOfBlock(text: string, begin: number): number {
  let depth = 0;
  for (const brace of text.slice(begin).matchAll(/[{}]/g)) {
    depth += brace[0] === "{" ? 1 : -1;
    if (depth === 0) return begin + brace.index + 1;
  }
  return text.length;
}
