/** The style of recipients' pages. Texts have at least 16 pixels, and what can be pressed at least 44. */
export const styleOf = (color: string): string =>
  `
:root{color-scheme:light dark;--brand:${color};--page:#f4f5f7;--card:#fff;--text:#1b1f27;--soft:#4a5160;--line:#8b92a0;--hair:#dde0e6;--warn:#fff4d6;--warn-line:#b7791f;--good:#e4f5e9;--good-line:#2f7d4a;--bad:#b3261e;--bad-soft:#fdecea;--quiet:var(--brand)}
@media(prefers-color-scheme:dark){:root{--page:#14161b;--card:#1e2128;--text:#eceef2;--soft:#b6bcc8;--line:#7d8594;--hair:#343944;--warn:#3a2f12;--warn-line:#d9a441;--good:#16321f;--good-line:#58b878;--bad:#ff9d94;--bad-soft:#3b1b19;--quiet:#8fb0ff}}
*{box-sizing:border-box}
[hidden]{display:none!important}
html{background:var(--page);color:var(--text);-webkit-text-size-adjust:100%}
body{font:1.0625rem/1.5 system-ui,sans-serif;margin:0;overflow-wrap:break-word}
.brand{background:var(--brand);color:#fff;padding:.75rem 0}
.brand>div,main,footer{max-width:42rem;margin:0 auto}
.brand>div{display:flex;align-items:center;gap:.75rem;font-weight:600;min-height:2rem;padding:0 1rem}
.brand img{max-height:2.5rem;max-width:12rem;display:block}
main{padding:1.5rem 1rem 2rem}
footer{padding:1rem 1rem 2rem;color:var(--soft);font-size:1rem;white-space:pre-line}
footer a,main a{color:inherit}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .75rem;text-wrap:balance}
h2{font-size:1.25rem;line-height:1.3;margin:0 0 .25rem}
h3{font-size:1.15rem;margin:1.5rem 0 .25rem;padding-top:1.25rem;border-top:2px solid var(--hair)}
h2+form>h3{border-top:0;padding-top:0;margin-top:.75rem}
p{margin:.5rem 0}
.soft{color:var(--soft);font-size:1rem}
.short main{text-align:center;padding-top:12vh}
.short p{text-wrap:balance}
.card{background:var(--card);border:1px solid var(--hair);border-radius:.75rem;padding:1.25rem;margin:0 0 1rem;scroll-margin-top:1rem}
.card>:last-child{margin-bottom:0}
h2+.note{margin-top:.5rem}
.note{border-left:.3rem solid var(--good-line);background:var(--good);border-radius:.5rem;padding:.75rem 1rem;margin:0 0 1rem}
.note.warn{border-color:var(--warn-line);background:var(--warn)}
.note p{margin:0}
.note form{margin:.25rem 0 0}
button,.button{font:inherit;min-height:2.75rem;padding:.5rem 1.25rem;border-radius:.5rem;border:1px solid var(--brand);background:var(--brand);color:#fff;font-weight:600;cursor:pointer;text-decoration:none;display:inline-flex;align-items:center}
button:hover,.button:hover{filter:brightness(1.12)}
.secondary{background:none;border-color:var(--line);color:var(--text);font-weight:500}
.secondary:hover{border-color:var(--text)}
.plain{background:none;border-color:transparent;color:var(--text);font-weight:500;text-decoration:underline;text-underline-offset:.2em;padding:.25rem 0}
.danger{background:none;border-color:var(--bad);color:var(--bad)}
.row{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.75rem 0 0}
.short .row{justify-content:center}
:focus-visible{outline:3px solid var(--quiet);outline-offset:2px;box-shadow:0 0 0 2px var(--card)}
input,select{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.4rem;min-height:2.75rem;padding:.3rem .6rem;max-width:100%}
input[type=checkbox]{inline-size:1.35rem;block-size:1.35rem;min-height:0;accent-color:var(--quiet);margin:.12rem 0 0;flex:none}
input[type=number]{width:6.5rem}
input[type=email],input[type=text]{width:100%;max-width:24rem}
[aria-invalid=true]{border:2px solid var(--bad)}
.away{position:absolute;left:-999rem}
.error{color:var(--bad);margin:.25rem 0 0;font-weight:600}
fieldset{border:0;padding:0;margin:0;min-width:0}
legend{padding:0;font-weight:600}
.item>legend{float:left;width:100%}
legend+*,.checks{clear:both}
label.check{display:inline-flex;align-items:flex-start;gap:.6rem;padding:.6rem 1rem .6rem 0;cursor:pointer}
.item{padding:.9rem 0}
.item+.item,.choices+.item{border-top:1px solid var(--hair)}
.item p{margin:.15rem 0}
.next{margin:1.25rem 0 0}
.item>label:not(.check){display:block;font-weight:600}
.checks{display:flex;flex-wrap:wrap;gap:0 .75rem}
.origin{color:var(--soft);font-size:1rem;display:flex;flex-wrap:wrap;align-items:center;gap:0 .5rem;min-height:0}
.locked{color:var(--soft)}
.spans{list-style:none;padding:0;margin:.5rem 0}
.span{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end;padding:.6rem 0;border-top:1px solid var(--hair)}
.span>label:not(.check){display:flex;flex-direction:column;font-size:1rem;color:var(--soft)}
.span>label>input,.span>label>select{color:var(--text)}
.span .error{flex-basis:100%}
.topics{list-style:none;padding:0;margin:.5rem 0}
.topic{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:center;gap:.5rem 1rem}
.topic>div:first-child{flex:1 1 12rem}
.topic p,.topic .row{margin:0}
.ahead{padding:0;margin:.5rem 0;list-style:none}
.ahead li{border-top:1px solid var(--hair);padding:.6rem 0}
.ahead time{font-weight:600}
week-grid{display:block;margin:.75rem 0}
week-grid .scroll{overflow-x:auto;padding:3px;touch-action:pan-y}
week-grid table{border-collapse:separate;border-spacing:1px;min-width:38rem;width:100%;table-layout:fixed;user-select:none;-webkit-user-select:none}
week-grid th{font-weight:500;font-size:1rem;text-align:left;color:var(--soft)}
week-grid thead th{padding:0;height:1.5rem}
week-grid .day{width:3rem;position:sticky;left:0;background:var(--card)}
week-grid td{height:1.9rem;background:var(--hair);padding:0;cursor:cell;border-radius:2px}
week-grid td.hour{border-left:1px solid var(--line)}
week-grid td[data-quiet]{background:var(--quiet)}
week-grid td[data-part]{background:linear-gradient(135deg,var(--quiet) 50%,var(--hair) 50%)}
week-grid td[aria-selected=true]{box-shadow:inset 0 0 0 2px var(--text)}
week-grid td:focus-visible{outline-offset:0;z-index:1;position:relative}
@media(max-width:26rem){.card{padding:1rem}.row button,.row .button{flex:1 1 auto;justify-content:center}.row>form{display:flex;flex:1 1 auto}.span>.whole{flex-basis:100%}}
@media(pointer:coarse){week-grid table{min-width:76rem}}
@media(forced-colors:active){week-grid td[data-quiet]{forced-color-adjust:none}}
`
    .trim()
    .replaceAll("\n", "");
