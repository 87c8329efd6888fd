import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";
import styles from "./time-brush.module.css";

interface TimeBrushProps {
  /** The number of buckets below. */
  length: number;
  /** The selected buckets: from `from` to before `until`. */
  from: number;
  until: number;
  /** Describes the boundary before a bucket. */
  words: (place: number) => string;
  onSelect: (from: number, until: number) => void;
}

/**
 * Selects a part of a time line: by dragging; by a click, which selects everything up to the end of its bucket; and by two handles, which
 * the arrow keys move. It fills its container, which must be positioned.
 */
export function TimeBrush({ length, from, until, words, onSelect }: TimeBrushProps) {
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ begin: number; end: number } | null>(null);
  const bucketAt = ({ clientX }: PointerEvent) => {
    const { left, width } = box.current!.getBoundingClientRect();
    return Math.min(length - 1, Math.max(0, Math.floor(((clientX - left) / width) * length)));
  };
  const shown = drag
    ? { from: Math.min(drag.begin, drag.end), until: Math.max(drag.begin, drag.end) + 1 }
    : { from, until };
  const share = (place: number) => `${(100 * place) / length}%`;
  const release = () => {
    if (!drag) return;
    setDrag(null);
    if (drag.begin === drag.end) onSelect(0, drag.end + 1);
    else onSelect(shown.from, shown.until);
  };
  return (
    <div
      ref={box}
      className={styles.brush}
      onPointerDown={(event) => {
        if (event.button !== 0 || (event.target as Element).closest("[role=slider]")) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        const bucket = bucketAt(event);
        setDrag({ begin: bucket, end: bucket });
      }}
      onPointerMove={(event) => drag && setDrag({ ...drag, end: bucketAt(event) })}
      onPointerUp={release}
      onPointerCancel={() => setDrag(null)}
    >
      <span className={styles.outside} style={{ left: 0, width: share(shown.from) }} />
      <span className={styles.outside} style={{ left: share(shown.until), right: 0 }} />
      <Handle
        label="Beginning of the selected time"
        value={shown.from}
        least={0}
        most={shown.until - 1}
        left={share(shown.from)}
        words={words}
        onMove={(place) => onSelect(place, until)}
      />
      <Handle
        label="End of the selected time"
        value={shown.until}
        least={shown.from + 1}
        most={length}
        left={share(shown.until)}
        words={words}
        onMove={(place) => onSelect(from, place)}
      />
    </div>
  );
}

interface HandleProps {
  label: string;
  value: number;
  least: number;
  most: number;
  left: string;
  words: (place: number) => string;
  onMove: (place: number) => void;
}

function Handle({ label, value, least, most, left, words, onMove }: HandleProps) {
  const moveBy = (event: KeyboardEvent) => {
    const places: Record<string, number> = {
      ArrowLeft: value - 1,
      ArrowDown: value - 1,
      ArrowRight: value + 1,
      ArrowUp: value + 1,
      PageDown: value - 10,
      PageUp: value + 10,
      Home: least,
      End: most,
    };
    const place = places[event.key];
    if (place === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    onMove(Math.min(most, Math.max(least, place)));
  };
  return (
    <span
      role="slider"
      tabIndex={0}
      className={styles.handle}
      style={{ left }}
      aria-label={label}
      aria-valuemin={least}
      aria-valuemax={most}
      aria-valuenow={value}
      aria-valuetext={words(value)}
      onKeyDown={moveBy}
    />
  );
}
