import { autocompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import {
  Annotation,
  Compartment,
  EditorState,
  type Extension,
  Prec,
  type Text,
} from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  placeholder,
} from "@codemirror/view";
import { type Language, languageOf, type Variables } from "./languages.ts";
import { theme } from "./theme.ts";

/** A fault in a text. Without a line it concerns the whole text. */
export interface TextFault {
  line?: number | undefined;
  column?: number | undefined;
  message: string;
}

export interface CodeViewOptions {
  /** The name of the field, for screen readers. */
  label: string;
  text: string;
  language: Language;
  variables: Variables;
  /** Whether Enter adds no line, as in a subject. */
  isSingleLine: boolean;
  /** Whether the text can only be read. */
  isReadOnly: boolean;
  /** What is shown where there is no text. */
  hint: string;
  onChange: (text: string) => void;
}

/** Marks changes that the page makes, of which it need not hear. */
const fromPage = Annotation.define<boolean>();

/** An editor with what the page does to it. */
export type CodeView = ReturnType<typeof createCodeView>;

/**
 * Creates an editor within an element, whose shadow root it is mounted in: there its styles are constructed, which the
 * Content-Security-Policy allows.
 */
export function createCodeView(host: HTMLElement, options: CodeViewOptions) {
  const { label, text, isSingleLine, isReadOnly, hint, onChange } = options;
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const language = new Compartment();
  const view = new EditorView({
    parent: root,
    state: EditorState.create({
      doc: text,
      extensions: [
        theme,
        isSingleLine ? singleLine : severalLines,
        language.of(languageOf(options.language, options.variables)),
        history(),
        drawSelection(),
        bracketMatching(),
        autocompletion({ icons: false }),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        typeOverSelection,
        hint === "" ? [] : placeholder(hint),
        EditorState.readOnly.of(isReadOnly),
        EditorView.contentAttributes.of({
          "aria-label":
            isSingleLine || isReadOnly ? label : `${label}. Esc, then Tab, leaves the editor`,
          "aria-multiline": String(!isSingleLine),
        }),
        EditorView.updateListener.of((update) => {
          const isOwn = update.transactions.some((each) => each.annotation(fromPage) === true);
          if (update.docChanged && !isOwn) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  // Keys that are typed here are no shortcuts of the page.
  const keep = (event: KeyboardEvent) => {
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  };
  host.addEventListener("keydown", keep);

  return {
    setText(next: string): void {
      const current = view.state.doc.toString();
      if (next === current) return;
      const changes = { from: 0, to: current.length, insert: next };
      view.dispatch({ changes, annotations: fromPage.of(true) });
    },
    setVariables(variables: Variables): void {
      view.dispatch({ effects: language.reconfigure(languageOf(options.language, variables)) });
    },
    setFaults(faults: readonly TextFault[]): void {
      const { doc } = view.state;
      view.dispatch(
        setDiagnostics(
          view.state,
          faults.flatMap((fault) => diagnose(doc, fault)),
        ),
      );
    },
    /** Replaces the selection by a text, which the person may undo. */
    insert(inserted: string): void {
      view.dispatch(view.state.replaceSelection(inserted), { scrollIntoView: true });
      view.focus();
    },
    /** Moves the cursor to a place; both count from 1. */
    goTo(line: number, column: number): void {
      const { from, to } = view.state.doc.line(Math.min(line, view.state.doc.lines));
      const anchor = Math.min(from + column - 1, to);
      view.dispatch({
        selection: { anchor },
        effects: EditorView.scrollIntoView(anchor, { y: "center" }),
      });
      view.focus();
    },
    destroy(): void {
      host.removeEventListener("keydown", keep);
      view.destroy();
    },
  };
}

/**
 * Replaces a selection by what is typed. The browser would keep the style of the selection in an attribute, which the
 * Content-Security-Policy refuses and reports.
 */
const typeOverSelection = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { inputType, data } = event;
    const isReplacing = view.state.selection.ranges.some(({ empty }) => !empty);
    if (inputType !== "insertText" || data === null || !isReplacing || view.composing) return false;
    event.preventDefault();
    const replaced = view.state.replaceSelection(data);
    view.dispatch(replaced, { userEvent: "input.type", scrollIntoView: true });
    return true;
  },
});

/** How long Tab leaves the editor after Esc. */
const leavingMs = 2_000;

/** Without this, an Esc that closes a list of completions, which opens by itself, would leave Tab to the editor. */
const leaveByEscape = Prec.highest(
  keymap.of([
    {
      key: "Escape",
      run: (view) => {
        view.setTabFocusMode(leavingMs);
        return false;
      },
    },
  ]),
);

const severalLines: Extension = [
  leaveByEscape,
  lineNumbers(),
  lintGutter(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  highlightSelectionMatches(),
  indentOnInput(),
  EditorView.lineWrapping,
  keymap.of([...searchKeymap, indentWithTab]),
];

/** Turns the ends of lines that are typed or pasted into spaces. */
const singleLine: Extension = [
  EditorView.lineWrapping,
  EditorState.transactionFilter.of((transaction) =>
    transaction.newDoc.lines > 1
      ? [
          transaction,
          {
            changes: {
              from: 0,
              to: transaction.newDoc.length,
              insert: transaction.newDoc.toString().replaceAll(/\s*\n\s*/g, " "),
            },
            sequential: true,
          },
        ]
      : transaction,
  ),
];

/** The part of a text that a fault is about: the tag or output that begins there, otherwise the rest of the line. */
function diagnose(doc: Text, { line, column, message }: TextFault): Diagnostic[] {
  if (line === undefined) return [];
  const { from, to, text } = doc.line(Math.min(line, doc.lines));
  const begin = Math.min(from + (column ?? 1) - 1, to);
  const [tag] = /^\{[{%].*?[%}]\}/.exec(text.slice(begin - from)) ?? [];
  return [
    { from: begin, to: tag === undefined ? to : begin + tag.length, severity: "error", message },
  ];
}
