/** The space between the panel and the bell, and between the panel and the edges of the window, in pixels. */
const gap = 8;
/** Above the bell there must be more room than below, and below less than this, for the panel to open upwards. */
const enoughBelow = 360;

/**
 * Places an open panel next to its button, within the window: below it, or above it if there is more room. Narrow windows are filled by
 * the style sheet instead. Only custom properties are set, which a Content-Security-Policy allows.
 */
export function placePanel(panel: HTMLElement, button: HTMLElement): void {
  const bell = button.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const width = panel.offsetWidth;
  const isRtl = getComputedStyle(button).direction === "rtl";
  // The panel ends where the bell ends, in the direction of reading, as far as the window allows.
  const wanted = isRtl ? bell.left : bell.right - width;
  const left = Math.max(gap, Math.min(wanted, clientWidth - width - gap));
  const below = clientHeight - bell.bottom - 2 * gap;
  const above = bell.top - 2 * gap;
  const opensUp = below < enoughBelow && above > below;
  panel.classList.toggle("above", opensUp);
  for (const [name, value] of Object.entries({
    "--_left": left,
    "--_top": bell.bottom + gap,
    "--_bottom": clientHeight - bell.top + gap,
    "--_room": Math.max(160, opensUp ? above : below),
  }))
    panel.style.setProperty(name, `${value}px`);
}
