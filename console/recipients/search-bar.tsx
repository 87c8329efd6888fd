import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useId, useRef, useState } from "react";
import { Button } from "../parts/button.tsx";
import { Filters } from "../parts/filters.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { prefixOf } from "../shell/url.ts";
import { segmentsQuery } from "./queries.ts";
import styles from "./search-bar.module.css";

/** The shortest text that the API looks for. */
const shortest = 3;

interface SearchBarProps {
  isFiltered: boolean;
  segment: string | undefined;
  /** An empty text looks for nobody in particular. */
  onSearch: (text: string) => void;
  onSegment: (key: string | undefined) => void;
  onClear: () => void;
}

/** Finds recipients by a part of an id or an address, and by a segment. What is typed never gets into the address of the page. */
export function SearchBar({ isFiltered, segment, onSearch, onSegment, onClear }: SearchBarProps) {
  const field = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  const [fault, setFault] = useState(false);
  const { data: segments } = useQuery(segmentsQuery);
  const id = useId();
  useShortcuts({ f: () => field.current?.focus() });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const text = field.current!.value.trim();
    if (prefixOf(text) === "rcp") {
      void navigate({ to: "/recipients/$id", params: { id: text } });
      return;
    }
    if (text !== "" && text.length < shortest) {
      setFault(true);
      return;
    }
    onSearch(text);
  };
  const keys = segments?.items.map(({ key }) => key) ?? [];
  return (
    <Filters
      isAny={isFiltered}
      onClear={() => {
        field.current!.value = "";
        setFault(false);
        onClear();
      }}
    >
      <form className={styles.form} role="search" onSubmit={submit}>
        <input
          ref={field}
          type="text"
          className={styles.field}
          aria-label="Find by external id, email address or phone number"
          placeholder="Id, email address or phone"
          aria-invalid={fault}
          aria-describedby={fault ? id : undefined}
          autoComplete="off"
          spellCheck={false}
          onChange={() => setFault(false)}
        />
        <Button type="submit" icon="search">
          Find
        </Button>
        {fault && (
          <span id={id} role="alert" className={styles.fault}>
            Type at least {shortest} characters.
          </span>
        )}
      </form>
      <select
        className={styles.segment}
        aria-label="Segment"
        value={segment ?? ""}
        onChange={({ target }) => onSegment(target.value === "" ? undefined : target.value)}
      >
        <option value="">All segments</option>
        {segment !== undefined && !keys.includes(segment) && <option>{segment}</option>}
        {segments?.items.map(({ key, name }) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </Filters>
  );
}
