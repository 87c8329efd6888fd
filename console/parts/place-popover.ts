/** The width of a list that a button opens (popover.module.css): 16rem. */
const widthPx = 256;
/** What is left free between the list and its button, and at the edges of the window. */
const gapPx = 4;
const marginPx = 8;

/**
 * Places the list that a button opens, where there is more room: below or above the button, in line with an edge of it and within the
 * window. Pages scroll, so the place is measured when the button is pressed.
 */
export function placePopover(
  button: Element,
  list: HTMLElement,
  edge: "left" | "right" = "left",
): void {
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const wanted = edge === "left" ? left : right - widthPx;
  const isBelow = top + bottom < innerHeight;
  list.style.left = `${Math.max(marginPx, Math.min(wanted, innerWidth - widthPx - marginPx))}px`;
  list.style.top = isBelow ? `${bottom + gapPx}px` : "auto";
  list.style.bottom = isBelow ? "auto" : `${innerHeight - top + gapPx}px`;
}
