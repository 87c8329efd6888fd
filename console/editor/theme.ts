import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

// The tokens of the console reach into the shadow root, so that the editor follows the theme by itself.

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "0.8125rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)", padding: "0.375rem 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { background: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-gutters": {
    color: "var(--text-muted)",
    backgroundColor: "var(--ground)",
    borderRight: "1px solid var(--line)",
  },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--hover)", color: "var(--text)" },
  ".cm-placeholder": { color: "var(--text-muted)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--selected)",
    outline: "1px solid var(--line-strong)",
  },
  ".cm-tooltip, .cm-panels": {
    color: "var(--text)",
    backgroundColor: "var(--surface)",
    border: "1px solid var(--line)",
  },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--action)",
    color: "var(--on-action)",
  },
  ".cm-completionDetail": { color: "inherit", opacity: "1" },
  ".cm-lint-marker-error": { cursor: "help" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--failed)" },
  ".cm-textfield, .cm-button": {
    color: "inherit",
    background: "var(--surface)",
    border: "1px solid var(--line-strong)",
  },
  ".cm-changedLine": {
    backgroundColor: "color-mix(in srgb, var(--delivered) 7%, transparent) !important",
  },
  "&.cm-merge-a .cm-changedLine": {
    backgroundColor: "color-mix(in srgb, var(--failed) 6%, transparent) !important",
  },
  ".cm-changedText": {
    background: "color-mix(in srgb, var(--delivered) 14%, transparent) !important",
    borderBottom: "2px solid color-mix(in srgb, var(--delivered) 60%, transparent)",
  },
  "&.cm-merge-a .cm-changedText, .cm-deletedText": {
    background: "color-mix(in srgb, var(--failed) 12%, transparent) !important",
    borderBottom: "2px solid color-mix(in srgb, var(--failed) 60%, transparent)",
  },
  ".cm-collapsedLines": {
    color: "var(--text-muted)",
    background: "var(--sunken)",
  },
});

const colours = HighlightStyle.define([
  { tag: [tags.tagName, tags.angleBracket], color: "var(--sending)" },
  { tag: [tags.attributeName, tags.propertyName], color: "var(--accent)" },
  { tag: [tags.string, tags.attributeValue], color: "var(--delivered)" },
  {
    tag: [tags.keyword, tags.operatorKeyword, tags.processingInstruction],
    color: "var(--suppressed)",
  },
  { tag: [tags.variableName, tags.brace], color: "var(--suppressed)", fontWeight: "600" },
  { tag: [tags.function(tags.variableName)], color: "var(--unknown)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--unknown)" },
  { tag: tags.comment, color: "var(--text-muted)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--failed)" },
]);

/** How every editor of the console looks. */
export const theme = [look, syntaxHighlighting(colours)];
