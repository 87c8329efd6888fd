import { useEffect, useRef, useState } from "react";
import styles from "./builder.module.css";

/** Shows the HTML of a message in the frame of the API, in which none of its scripts runs. */
export function MessageFrame({
  html,
  title,
  isNarrow,
}: {
  html: string;
  title: string;
  isNarrow: boolean;
}) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [isReady, setReady] = useState(0);
  const [height, setHeight] = useState(160);
  useEffect(() => {
    const receive = ({ source, data }: MessageEvent<{ frame?: string; height?: number }>) => {
      if (source !== frame.current?.contentWindow) return;
      if (data.frame === "ready") setReady((count) => count + 1);
      if (data.frame === "height") setHeight(Math.min(Math.max(data.height ?? 0, 80), 900));
    };
    addEventListener("message", receive);
    return () => removeEventListener("message", receive);
  }, []);
  useEffect(() => {
    // The frame has an opaque origin, which has no name.
    if (isReady > 0) frame.current?.contentWindow?.postMessage({ html }, "*");
  }, [html, isReady]);
  return (
    <iframe
      ref={frame}
      src="/console/frame"
      title={title}
      className={styles.frame}
      style={{ height: `${height + 2}px`, maxWidth: isNarrow ? "375px" : "none" }}
    />
  );
}
