import { useEffect, useRef, useState } from "react";
import styles from "./html-frame.module.css";

/** The tallest frame, in pixels. Higher messages are scrolled within it. */
const tallest = 900;

interface HtmlFrameProps {
  html: string;
  /** The width of the window that the message is shown in, in pixels; null for all of the room. */
  width: number | null;
  /** Whether images of other hosts are loaded, which tells these hosts that somebody looks at the message. */
  withImages: boolean;
}

/** The HTML of a message in a frame with an origin of its own, in which no script of the message runs (`/console/frame`). */
export function HtmlFrame({ html, width, withImages }: HtmlFrameProps) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(160);
  useEffect(() => {
    const onMessage = ({ source, data }: MessageEvent<unknown>) => {
      if (source === null || source !== frame.current?.contentWindow) return;
      const { frame: kind, height: wanted } = data as { frame?: unknown; height?: unknown };
      // The frame is sandboxed, so that its origin has no name to post to.
      if (kind === "ready") frame.current.contentWindow.postMessage({ html }, "*");
      else if (kind === "height" && typeof wanted === "number")
        setHeight(Math.min(Math.max(wanted, 80), tallest));
    };
    addEventListener("message", onMessage);
    return () => removeEventListener("message", onMessage);
  }, [html]);
  return (
    <iframe
      // Another document is shown in another frame: one takes HTML only once.
      key={`${withImages} ${html}`}
      ref={frame}
      className={styles.frame}
      style={{ height, width: width ?? "100%" }}
      src={`/console/frame${withImages ? "?images=remote" : ""}`}
      title="The message"
      sandbox="allow-scripts"
    />
  );
}
