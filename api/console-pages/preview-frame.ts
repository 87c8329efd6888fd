import { createHash } from "node:crypto";

/**
 * Shows the HTML that the page around the frame posts to it, and reports its height. Elements that a parser makes run no scripts, and nothing in the
 * frame can be navigated.
 */
const script = `
const home = new URL(location.href).origin;
const report = () => parent.postMessage({ frame: "height", height: document.documentElement.scrollHeight }, home);
addEventListener("message", ({ source, origin, data }) => {
  if (source !== parent || origin !== home || typeof data?.html !== "string") return;
  const shown = new DOMParser().parseFromString(data.html, "text/html");
  for (const element of shown.querySelectorAll("script, base, meta[http-equiv]")) element.remove();
  document.replaceChild(document.adoptNode(shown.documentElement), document.documentElement);
  new ResizeObserver(report).observe(document.documentElement);
  report();
});
for (const name of ["click", "auxclick", "submit"])
  addEventListener(name, (event) => event.preventDefault(), true);
parent.postMessage({ frame: "ready" }, home);
`;

/** The page of the frame, which is empty until HTML is posted to it. */
export const previewFrame = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Preview</title><script>${script}</script></head><body></body></html>`;

/**
 * The policy of the frame: an origin of its own, in which only the script above runs. Styles of messages apply, and images of other hosts are loaded
 * only if the frame was opened for that.
 */
export const previewPolicy = ({ images }: { images: boolean }): string =>
  [
    "sandbox allow-scripts",
    "default-src 'none'",
    `script-src 'sha256-${createHash("sha256").update(script).digest("base64")}'`,
    "style-src 'unsafe-inline'",
    `img-src data:${images ? " https: http:" : ""}`,
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'self'",
  ].join("; ");
