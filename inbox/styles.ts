/**
 * The styles of the element. A sheet that is constructed works under any Content-Security-Policy. Its values are custom properties of
 * the page with defaults for light and dark, which `color-scheme` chooses between.
 */
const text = `
:host {
  --_accent: var(--tidings-accent, light-dark(#2a55cf, #9db8ff));
  --_on-accent: var(--tidings-on-accent, light-dark(#fff, #10131c));
  --_surface: var(--tidings-surface, light-dark(#fff, #1c1e26));
  --_hover: var(--tidings-surface-hover, light-dark(#f3f4f8, #282b35));
  --_text: var(--tidings-text, light-dark(#1a1c23, #eceef4));
  --_muted: var(--tidings-text-muted, light-dark(#5a5f6e, #a8adbb));
  --_border: var(--tidings-border, light-dark(#dfe2ea, #383c48));
  --_badge: var(--tidings-badge, light-dark(#c4213c, #ff8b9b));
  --_on-badge: var(--tidings-on-badge, light-dark(#fff, #2a0a10));
  --_radius: var(--tidings-radius, 12px);
  --_small: max(4px, calc(var(--_radius) - 4px));
  display: inline-block;
  vertical-align: middle;
  font: var(--tidings-font-size, 14px)/1.45 var(--tidings-font, inherit);
  font-family: var(--tidings-font, inherit);
  text-align: start;
}
:host([hidden]), [hidden] { display: none !important; }
:host([theme=light]) { color-scheme: light; }
:host([theme=dark]) { color-scheme: dark; }
:host([theme=auto]) { color-scheme: light dark; }
*, ::before, ::after { box-sizing: border-box; }
button, a { font: inherit; color: inherit; text-align: inherit; }
button { background: none; border: 0; padding: 0; margin: 0; cursor: pointer; }
button:disabled { opacity: .55; cursor: default; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
svg { display: block; inline-size: 20px; block-size: 20px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.hidden { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.bell { position: relative; display: grid; place-items: center; inline-size: var(--tidings-bell-size, 40px); block-size: var(--tidings-bell-size, 40px); border-radius: 50%; color: var(--tidings-bell-color, inherit); }
.bell:hover, .bell[aria-expanded=true] { background: color-mix(in srgb, currentColor 10%, transparent); }
.bell svg { inline-size: 55%; block-size: 55%; }
.badge { position: absolute; inset-block-start: 2px; inset-inline-start: 52%; min-inline-size: 18px; padding-inline: 5px; border-radius: 9px; background: var(--_badge); color: var(--_on-badge); font-size: 11px; font-weight: 700; line-height: 18px; text-align: center; font-variant-numeric: tabular-nums; border: 0 solid transparent; }

.panel { position: fixed; inset: auto; inset-block-start: var(--_top, 0); left: var(--_left, 0); margin: 0; padding: 0; inline-size: min(var(--tidings-width, 400px), 100vw - 16px); max-block-size: min(var(--tidings-height, 600px), var(--_room, 100dvh)); flex-direction: column; overflow: hidden; border: 1px solid var(--_border); border-radius: var(--_radius); background: var(--_surface); color: var(--_text); box-shadow: var(--tidings-shadow, 0 12px 40px rgb(0 0 0 / .18)); overscroll-behavior: contain; }
.panel.above { inset-block-start: auto; inset-block-end: var(--_bottom, 0); }
.panel:popover-open { display: flex; }
.panel:focus { outline: none; }
.header { display: flex; align-items: center; gap: 4px; padding-block: 10px 4px; padding-inline: 16px 10px; }
.heading { flex: 1; margin: 0; font-size: 1.15em; font-weight: 650; line-height: 32px; }
.quiet { padding: 5px 10px; border-radius: var(--_small); color: var(--_accent); font-weight: 550; white-space: nowrap; }
.quiet:hover:enabled, .icon:hover:enabled { background: var(--_hover); }
.icon { display: grid; place-items: center; inline-size: 32px; block-size: 32px; border-radius: var(--_small); color: var(--_muted); }
.icon:hover:enabled { color: var(--_text); }
.icon svg { inline-size: 18px; block-size: 18px; }
.tabs { display: flex; gap: 2px; padding-inline: 10px; border-block-end: 1px solid var(--_border); }
.tab { position: relative; padding: 7px 8px 9px; border-radius: var(--_small) var(--_small) 0 0; color: var(--_muted); font-weight: 550; }
.tab:hover { color: var(--_text); }
.tab[aria-selected=true] { color: var(--_text); }
.tab[aria-selected=true]::after { content: ""; position: absolute; inset-inline: 8px; inset-block-end: -1px; border-block-end: 2px solid var(--_accent); }
.tab:focus-visible { outline-offset: -3px; }
.notice { padding: 8px 16px; background: light-dark(#fff4d6, #3a3118); color: light-dark(#5c4300, #f4dfa3); font-size: .93em; }
.view { flex: 1; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; }
.list { list-style: none; margin: 0; padding: 0; }

.item { position: relative; }
.item + .item { border-block-start: 1px solid var(--_border); }
.item:hover { background: var(--_hover); }
.item.unread { background: color-mix(in srgb, var(--_accent) 7%, var(--_surface)); }
.item.unread:hover { background: color-mix(in srgb, var(--_accent) 11%, var(--_surface)); }
.dot { position: absolute; inset-inline-start: 12px; inset-block-start: 19px; border: 4px solid var(--_accent); border-radius: 4px; visibility: hidden; }
.unread .dot { visibility: visible; }
.main { display: block; inline-size: 100%; padding-block: 12px; padding-inline: 30px 16px; text-decoration: none; overflow-wrap: anywhere; }
.main:focus-visible, .more:focus-visible { outline-offset: -3px; border-radius: 6px; }
.line { display: flex; align-items: baseline; gap: 10px; }
.title { flex: 1; min-inline-size: 0; }
.unread .title { font-weight: 650; }
.time { flex: none; color: var(--_muted); font-size: .86em; transition: opacity .12s; }
.body { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; margin-block-start: 2px; color: var(--_muted); white-space: pre-line; text-align: match-parent; }
.urgent { display: inline-block; margin-inline-end: 6px; padding-inline: 6px; border-radius: 4px; background: var(--_badge); color: var(--_on-badge); font-size: .79em; font-weight: 650; line-height: 1.5; }
.foot { display: flex; align-items: center; flex-wrap: wrap; gap: 6px; padding-inline: 30px 10px; padding-block-end: 12px; }
.main:has(+ .foot:not(.bare)) { padding-block-end: 8px; }
.action { display: inline-block; padding: 4px 12px; border: 1px solid var(--_border); border-radius: var(--_small); background: var(--_surface); font-weight: 550; text-decoration: none; overflow-wrap: anywhere; }
.action:hover { border-color: var(--_muted); }
.action.first { background: var(--_accent); border-color: var(--_accent); color: var(--_on-accent); }
.action.first:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_text)); }
.tools { position: absolute; inset-inline-end: 8px; inset-block-start: 6px; display: flex; gap: 2px; padding: 1px; border-radius: var(--_small); background: var(--_surface); box-shadow: 0 0 0 1px var(--_border); opacity: 0; }
.item:hover .tools, .item:focus-within .tools { opacity: 1; }
.item:hover .time, .item:focus-within .time { opacity: 0; }
@media (hover: hover) { .foot.bare { padding: 0; } }
@media (hover: none) {
  .tools { position: static; opacity: 1; background: none; box-shadow: none; margin-inline-start: auto; }
  .item:hover .time, .item:focus-within .time { opacity: 1; }
  .foot.bare { margin-block-start: -12px; padding-block-end: 4px; }
}

.message { padding: 44px 24px; text-align: center; color: var(--_muted); }
.message svg { inline-size: 36px; block-size: 36px; margin: 0 auto 10px; stroke-width: 1.3; opacity: .7; }
.message button { display: block; margin: 10px auto 0; }
.more { display: block; inline-size: 100%; padding: 12px; border-block-start: 1px solid var(--_border); color: var(--_accent); font-weight: 550; text-align: center; }
.more:hover:enabled { background: var(--_hover); }
.toast { display: flex; align-items: center; justify-content: space-between; gap: 10px; padding-block: 6px; padding-inline: 16px 8px; min-block-size: 46px; border-block-start: 1px solid var(--_border); background: var(--_hover); }

@media (max-width: 480px) {
  .panel, .panel.above { inset: 0; inline-size: 100vw; block-size: 100dvh; max-block-size: none; border: 0; border-radius: 0; padding: env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left); }
}
@media (max-width: 360px) { .quiet { padding-inline: 6px; font-size: .93em; } }
@media (min-width: 480.02px) { .close { display: none; } }
@media (prefers-reduced-motion: no-preference) {
  .panel { transition: opacity .12s, translate .12s; }
  @starting-style { .panel:popover-open { opacity: 0; translate: 0 -6px; } }
}
@media (forced-colors: active) {
  .badge, .action { border: 1px solid; }
  .tab[aria-selected=true]::after { border-color: Highlight; }
}
`;

let sheet: CSSStyleSheet | undefined;

/** Returns the sheet, which all elements of a page share. */
export function shareStyles(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
  }
  return sheet;
}
