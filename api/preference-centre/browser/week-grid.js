/**
 * The element `<week-grid>`: a week of half hours, on which quiet periods are painted by pointer and by keyboard. It writes what is painted into the
 * list of periods in its form, which is what is sent, and which does without this script. The page is a module, and nothing else is loaded.
 */

const dayMinutes = 1_440;
const weekMinutes = 7 * dayMinutes;
const cellMinutes = 30;
const columns = dayMinutes / cellMinutes;

/** A time of quiet, in minutes from Monday 00:00. @typedef {{ start: number, end: number }} Span */
/** @typedef {{ row: number, column: number }} Place */

/** @param {string} text */
const minuteOf = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
/** @param {number} minute */
const clockOf = (minute) => {
  const inDay = ((minute % dayMinutes) + dayMinutes) % dayMinutes;
  const pad = (/** @type {number} */ part) => String(part).padStart(2, "0");
  return `${pad(Math.floor(inDay / 60))}:${pad(inDay % 60)}`;
};

/** Sorts spans, cuts them at the end of the week, and joins those that touch. @param {readonly Span[]} spans */
function joinSpans(spans) {
  const cut = spans.flatMap(({ start, end }) =>
    end <= weekMinutes
      ? [{ start, end }]
      : [
          { start, end: weekMinutes },
          { start: 0, end: end - weekMinutes },
        ],
  );
  /** @type {Span[]} */
  const joined = [];
  for (const span of cut.sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else joined.push(span);
  }
  return joined;
}

/** @param {readonly Span[]} spans @param {Span} span @param {boolean} isQuiet */
const paint = (spans, span, isQuiet) =>
  joinSpans(
    isQuiet
      ? [...spans, span]
      : spans.flatMap(({ start, end }) =>
          [
            { start, end: Math.min(end, span.start) },
            { start: Math.max(start, span.end), end },
          ].filter((rest) => rest.start < rest.end),
        ),
  );

/** Joins what goes on from Sunday to Monday. @param {readonly Span[]} joined */
function joinOverWeeks(joined) {
  const spans = joined.map((span) => ({ ...span }));
  const [first, last] = [spans[0], spans.at(-1)];
  if (first && last && first !== last && first.start === 0 && last.end === weekMinutes) {
    spans.shift();
    last.end += first.end;
  }
  return spans;
}

/** Cuts joined spans into periods, which last less than a day or are whole days. A period over midnight, also from Sunday to Monday, stays one. @param {readonly Span[]} joined */
function toPeriods(joined) {
  return joinOverWeeks(joined).flatMap(({ start, end }) => {
    /** @type {Span[]} */
    const periods = [];
    for (let at = start; at < end; at = periods.at(-1)?.end ?? end) {
      const midnight = (Math.floor(at / dayMinutes) + 1) * dayMinutes;
      const isShort = end - at < dayMinutes;
      periods.push({ start: at % weekMinutes, end: isShort ? end : midnight });
    }
    return periods;
  });
}

class WeekGrid extends HTMLElement {
  /** @type {Span[]} */
  #spans = [];
  /** @type {Place} */
  #focus = { row: 0, column: 0 };
  /** The other corner of what is selected. @type {Place | null} */
  #anchor = null;
  /** Whether a pointer paints quiet, or the opposite; null if none is down. @type {boolean | null} */
  #painting = null;
  /** The quiet of a day that was copied. @type {Span[] | null} */
  #copied = null;
  /** @type {HTMLTableCellElement[][]} */
  #cells = [];
  #status = document.createElement("p");

  connectedCallback() {
    if (this.#cells.length > 0) return;
    this.#build();
    this.#read();
    this.#list().addEventListener("input", () => this.#read());
    this.addEventListener("focusin", (event) => this.#arrive(event.target));
    this.addEventListener("keydown", (event) => this.#press(event));
    this.addEventListener("pointerdown", (event) => this.#begin(event));
    this.addEventListener("pointermove", (event) => this.#extend(event));
    this.addEventListener("pointerup", () => this.#finish());
    this.addEventListener("pointercancel", () => this.#cancel());
  }

  /** The list of periods that the grid shows. */
  #list() {
    const list = this.closest("form")?.querySelector("[data-periods=dnd]");
    if (!list) throw new Error("the grid has no list of periods");
    return list;
  }

  /** @param {string} name */
  #text(name) {
    return this.dataset[name] ?? "";
  }

  /** The names of the days, from Monday. */
  #days() {
    return /** @type {string[]} */ (JSON.parse(this.#text("days")));
  }

  /** The day of a row: the week may begin on Sunday. @param {number} row */
  #dayOf(row) {
    return (row + Number(this.#text("first"))) % 7;
  }

  #build() {
    const table = document.createElement("table");
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", this.#text("name"));
    table.setAttribute("aria-multiselectable", "true");
    const head = table.createTHead().insertRow();
    head.append(document.createElement("td"));
    head.cells[0]?.classList.add("day");
    for (let hour = 0; hour < 24; hour += 3) {
      const cell = document.createElement("th");
      cell.colSpan = 6;
      cell.scope = "col";
      cell.textContent = String(hour).padStart(2, "0");
      head.append(cell);
    }
    const days = this.#days();
    const body = table.createTBody();
    for (let row = 0; row < 7; row += 1) {
      const line = body.insertRow();
      const name = days[this.#dayOf(row)] ?? "";
      const header = document.createElement("th");
      header.scope = "row";
      header.className = "day";
      header.textContent = [...name].slice(0, 3).join("");
      header.setAttribute("aria-label", name);
      line.append(header);
      this.#cells.push(
        Array.from({ length: columns }, (_, column) => {
          const cell = line.insertCell();
          cell.setAttribute("role", "gridcell");
          cell.tabIndex = -1;
          if (column % 6 === 0) cell.className = "hour";
          cell.dataset["place"] = `${row} ${column}`;
          return cell;
        }),
      );
    }
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.append(table);
    const help = document.createElement("p");
    help.className = "soft";
    const hasFinger = matchMedia("(pointer: coarse)").matches;
    help.textContent = this.#text(hasFinger ? "touch" : "help");
    this.#status.className = "soft";
    this.#status.setAttribute("role", "status");
    this.append(scroll, help, this.#status);
  }

  /** Reads the periods from the list, and shows them. */
  #read() {
    /** @type {Span[]} */
    const spans = [];
    for (const row of this.#list().children) {
      const valueOf = (/** @type {string} */ part) =>
        /** @type {HTMLInputElement | null} */ (row.querySelector(`[name$=".${part}"]`));
      const [from, to] = [valueOf("from")?.value, valueOf("to")?.value];
      if (!from || !to || valueOf("remove")?.checked) continue;
      const day = Number(
        /** @type {HTMLSelectElement | null} */ (row.querySelector("select"))?.selectedIndex,
      );
      const start = day * dayMinutes + minuteOf(from);
      const length = minuteOf(to) - minuteOf(from);
      spans.push({ start, end: start + (length > 0 ? length : length + dayMinutes) });
    }
    this.#spans = joinSpans(spans);
    this.#show();
  }

  /** Writes the periods into the list. The last row of the list is empty, for another period, and is the pattern of the others. */
  #write() {
    const list = this.#list();
    const pattern = /** @type {Element} */ (list.lastElementChild);
    const periods = toPeriods(this.#spans);
    const rows = [...periods, null].map((period, index) => {
      const row = /** @type {Element} */ (pattern.cloneNode(true));
      for (const field of row.querySelectorAll("[name]")) {
        const control = /** @type {HTMLInputElement} */ (field);
        const part = control.name.replace(/^.*\./, "");
        control.name = `dnd.${index}.${part}`;
        if (control.type === "checkbox") control.checked = false;
        else if (part === "from") control.value = period ? clockOf(period.start) : "";
        else if (part === "to") control.value = period ? clockOf(period.end) : "";
        else if (period)
          /** @type {HTMLSelectElement} */ (field).selectedIndex = Math.floor(
            period.start / dayMinutes,
          );
      }
      for (const error of row.querySelectorAll(".error")) error.remove();
      return row;
    });
    list.replaceChildren(...rows);
  }

  /** @param {number} row @param {number} column */
  #spanOf(row, column, length = 1) {
    const start = this.#dayOf(row) * dayMinutes + column * cellMinutes;
    return { start, end: start + length * cellMinutes };
  }

  /** How many minutes of a cell are quiet. @param {number} row @param {number} column */
  #quietMinutes(row, column) {
    const { start, end } = this.#spanOf(row, column);
    return this.#spans.reduce(
      (sum, span) => sum + Math.max(0, Math.min(end, span.end) - Math.max(start, span.start)),
      0,
    );
  }

  /** The rows and columns that are selected: from the anchor to the focus. */
  #selection() {
    const other = this.#anchor ?? this.#focus;
    const sort = (/** @type {number} */ a, /** @type {number} */ b) => [
      Math.min(a, b),
      Math.max(a, b),
    ];
    const [top = 0, bottom = 0] = sort(this.#focus.row, other.row);
    const [left = 0, right = 0] = sort(this.#focus.column, other.column);
    return { top, bottom, left, right };
  }

  #show() {
    const days = this.#days();
    const { top, bottom, left, right } = this.#selection();
    for (const [row, cells] of this.#cells.entries())
      for (const [column, cell] of cells.entries()) {
        const quiet = this.#quietMinutes(row, column);
        cell.toggleAttribute("data-quiet", quiet === cellMinutes);
        cell.toggleAttribute("data-part", quiet > 0 && quiet < cellMinutes);
        const state = quiet === 0 ? "free" : quiet === cellMinutes ? "quiet" : "partly";
        const label = this.#text("cell")
          .replace("{day}", days[this.#dayOf(row)] ?? "")
          .replace("{from}", clockOf(column * cellMinutes))
          .replace("{to}", clockOf((column + 1) * cellMinutes))
          .replace("{state}", this.#text(state));
        cell.setAttribute("aria-label", label);
        const isSelected =
          this.#anchor !== null && row >= top && row <= bottom && column >= left && column <= right;
        cell.setAttribute("aria-selected", String(isSelected));
        cell.tabIndex = row === this.#focus.row && column === this.#focus.column ? 0 : -1;
      }
  }

  /** Paints what is selected. @param {boolean} isQuiet */
  #paint(isQuiet) {
    const { top, bottom, left, right } = this.#selection();
    for (let row = top; row <= bottom; row += 1)
      this.#spans = paint(this.#spans, this.#spanOf(row, left, right - left + 1), isQuiet);
    this.#write();
    this.#show();
    this.#status.textContent = this.#describe();
  }

  /** Says that the grid has changed, and when messages wait next by it, as seen from when the page was made. */
  #describe() {
    const now = Number(this.#text("now"));
    const ahead = (/** @type {Span} */ { start }) => (start - now + weekMinutes) % weekMinutes;
    const isWhole = this.#spans.some(({ start, end }) => end - start === weekMinutes);
    const nameOf = (/** @type {number} */ minute) =>
      `${this.#days()[Math.floor(minute / dayMinutes) % 7] ?? ""} ${clockOf(minute)}`;
    const [next] = joinOverWeeks(this.#spans).sort((a, b) => ahead(a) - ahead(b));
    if (!next || isWhole) return this.#text("unsaved");
    return this.#text("next")
      .replace("{from}", () => nameOf(next.start))
      .replace("{until}", () => nameOf(next.end));
  }

  /** Keeps the keyboard where the focus is, whatever has put it there. @param {EventTarget | null} target */
  #arrive(target) {
    const place = target instanceof HTMLElement ? target.dataset["place"] : undefined;
    const [row, column] = place?.split(" ").map(Number) ?? [];
    if (row === undefined || column === undefined) return;
    this.#focus = { row, column };
    this.#show();
  }

  #isFocusQuiet() {
    return this.#quietMinutes(this.#focus.row, this.#focus.column) > 0;
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { row, column } = this.#focus;
    const isCommand = event.ctrlKey || event.metaKey;
    /** @type {Record<string, Place>} */
    const moves = {
      ArrowUp: { row: row - 1, column },
      ArrowDown: { row: row + 1, column },
      ArrowLeft: { row, column: column - 1 },
      ArrowRight: { row, column: column + 1 },
      Home: { row: isCommand ? 0 : row, column: 0 },
      End: { row: isCommand ? 6 : row, column: columns - 1 },
    };
    const move = moves[event.key];
    if (move) this.#move(move, event.shiftKey);
    else if (event.key === " ") this.#paint(!this.#isFocusQuiet());
    else if (event.key === "Delete" || event.key === "Backspace") this.#paint(false);
    else if (event.key === "Escape" && this.#anchor) this.#move(this.#focus, false);
    else if (isCommand && event.key === "c") this.#copied = this.#quietOfDay(row);
    else if (isCommand && event.key === "v" && this.#copied) this.#paste(row, this.#copied);
    else return;
    event.preventDefault();
  }

  /** @param {Place} to @param {boolean} isExtending */
  #move({ row, column }, isExtending) {
    this.#anchor = isExtending ? (this.#anchor ?? this.#focus) : null;
    this.#focus = {
      row: Math.min(6, Math.max(0, row)),
      column: Math.min(columns - 1, Math.max(0, column)),
    };
    this.#show();
    this.#cells[this.#focus.row]?.[this.#focus.column]?.focus();
  }

  /** The quiet of a day, from its midnight. @param {number} row */
  #quietOfDay(row) {
    const day = this.#spanOf(row, 0, columns);
    return this.#spans.flatMap((span) => {
      const [start, end] = [Math.max(span.start, day.start), Math.min(span.end, day.end)];
      return start < end ? [{ start: start - day.start, end: end - day.start }] : [];
    });
  }

  /** @param {number} row @param {readonly Span[]} quiet */
  #paste(row, quiet) {
    const day = this.#spanOf(row, 0, columns);
    this.#spans = paint(this.#spans, day, false);
    for (const { start, end } of quiet)
      this.#spans = paint(this.#spans, { start: day.start + start, end: day.start + end }, true);
    this.#write();
    this.#show();
    this.#status.textContent = this.#describe();
  }

  /** The cell at an event. @param {PointerEvent} event @returns {Place | null} */
  #placeAt({ clientX, clientY }) {
    const place = /** @type {HTMLElement | null} */ (document.elementFromPoint(clientX, clientY))
      ?.dataset["place"];
    const [row, column] = place?.split(" ").map(Number) ?? [];
    return row === undefined || column === undefined ? null : { row, column };
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    const place = event.button === 0 ? this.#placeAt(event) : null;
    if (!place) return;
    // A finger scrolls the grid, so that it switches one cell, when it is lifted.
    if (event.pointerType !== "touch") {
      event.preventDefault();
      this.setPointerCapture(event.pointerId);
    }
    this.#move(place, false);
    this.#anchor = place;
    this.#painting = !this.#isFocusQuiet();
    this.#show();
  }

  /** @param {PointerEvent} event */
  #extend(event) {
    const place =
      this.#painting === null || event.pointerType === "touch" ? null : this.#placeAt(event);
    if (!place) return;
    this.#focus = place;
    this.#show();
  }

  #finish() {
    if (this.#painting === null) return;
    this.#paint(this.#painting);
    this.#cancel();
  }

  #cancel() {
    this.#painting = null;
    this.#anchor = null;
    this.#show();
  }
}

customElements.define("week-grid", WeekGrid);

// The time zone of the device is offered where it is another one than the recipient's.
for (const offer of document.querySelectorAll("[data-zone-offer]")) {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const select = /** @type {HTMLSelectElement | null} */ (
    document.querySelector("select[name=timeZone]")
  );
  const button = offer.querySelector("button");
  if (!select || !button || select.value === timeZone) continue;
  if (![...select.options].some(({ value }) => value === timeZone)) continue;
  button.textContent = (button.textContent ?? "").replace("{zone}", timeZone);
  button.addEventListener("click", () => {
    select.value = timeZone;
    offer.toggleAttribute("hidden", true);
    select.focus();
  });
  offer.removeAttribute("hidden");
}
