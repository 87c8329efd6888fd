import { useCallback, useEffect, useRef, useState } from "react";
import styles from "./mail-frame.module.css";

interface MailFrameProps {
  /** What the frame shows, for screen readers. */
  title: string;
  html: string;
  width?: "phone" | undefined;
  /** What the reader of the mail prefers. */
  scheme?: "dark" | undefined;
  /** Whether images of other hosts are loaded, which tells these hosts of the preview. */
  withImages?: boolean;
}

/** The HTML of a message in a sandbox of its own, in which no script of it runs. It is as high as its content. */
export function MailFrame({ title, html, width, scheme, withImages = false }: MailFrameProps) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(240);
  useEffect(() => {
    const receive = ({ source, data }: MessageEvent<{ frame?: string; height?: number }>) => {
      if (source === null || source !== frame.current?.contentWindow) return;
      if (data.frame === "height" && typeof data.height === "number") setHeight(data.height);
    };
    addEventListener("message", receive);
    return () => removeEventListener("message", receive);
  }, []);
  // The sandbox has an opaque origin, which no target can name. The window is that of the frame.
  const post = useCallback(() => frame.current?.contentWindow?.postMessage({ html }, "*"), [html]);
  // Before the page of the frame has loaded, nobody receives it; then it is posted again.
  useEffect(() => post(), [post]);
  return (
    <div className={styles.ground} data-scheme={scheme ?? "light"}>
      <iframe
        ref={frame}
        className={styles.frame}
        data-width={width ?? "desktop"}
        title={title}
        sandbox="allow-scripts"
        src={`/console/frame${withImages ? "?images=remote" : ""}`}
        style={{ height, colorScheme: scheme ?? "light" }}
        onLoad={post}
      />
    </div>
  );
}
