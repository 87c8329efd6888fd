import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { includesRole, useSession } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { useZone } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { Page } from "../parts/page.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { formatShort } from "../words/instants.ts";
import { AudienceSection } from "./audience-section.tsx";
import { BuilderBar } from "./builder-bar.tsx";
import styles from "./builder.module.css";
import { BuilderContext } from "./context.ts";
import { audienceOf, type Draft, draftOf, emptyDraft, isSame } from "./draft.ts";
import { draftName, forgetDraft, type KeptDraft, readDraft } from "./draft-store.ts";
import { GuardSection } from "./guard-section.tsx";
import { MessageSection } from "./message-section.tsx";
import { Outline } from "./outline.tsx";
import { faultsOf, type SectionId, sectionIds } from "./problems.ts";
import { audienceQuery, type Stored, storedQuery } from "./queries.ts";
import { ReviewSection } from "./review-section.tsx";
import { TimingSection } from "./timing-section.tsx";
import { TrackingSection } from "./tracking-section.tsx";
import { type BuilderStart, useBuilder } from "./use-builder.ts";
import { useDebounced } from "./use-debounced.ts";

/** Builds a campaign: a new one, or one that has not ended. */
export function BuilderScreen() {
  const { id } = useParams({ strict: false });
  const navigate = useNavigate();
  // A campaign that was created here goes on in the same builder.
  const [created, setCreated] = useState<string | null>(null);
  const [count, setCount] = useState(0);
  const before = useRef(id);
  useEffect(() => {
    if (id === undefined && before.current !== undefined) setCount((each) => each + 1);
    before.current = id;
  }, [id]);
  const isOwn = id === undefined || id === created;
  return (
    <Opened
      key={isOwn ? `new ${count}` : id}
      id={isOwn ? null : id}
      onCreated={(made) => {
        setCreated(made);
        void navigate({ to: "/campaigns/$id/edit", params: { id: made }, replace: true });
      }}
    />
  );
}

interface OpenedProps {
  id: string | null;
  onCreated: (id: string) => void;
}

/** Reads the campaign, and what the browser has kept of it. */
function Opened({ id, onCreated }: OpenedProps) {
  const { actor } = useSession();
  const name = draftName(actor, id);
  const stored = useQuery({ ...storedQuery(id ?? ""), enabled: id !== null });
  const kept = useQuery({
    queryKey: ["kept-draft", name],
    queryFn: () => readDraft(name),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const status = stored.data?.campaign.status;
  if (kept.data !== undefined && (id === null || stored.data)) {
    if (status !== "completed" && status !== "cancelled")
      return (
        <Restorable
          name={name}
          stored={stored.data ?? null}
          kept={kept.data}
          onCreated={onCreated}
        />
      );
  }
  return (
    <Page up={{ to: "/campaigns", name: "Campaigns" }} title="…" documentTitle="Edit a campaign">
      {stored.error ? (
        <Failed what="this campaign" error={stored.error} retry={() => void stored.refetch()} />
      ) : stored.data ? (
        <Empty icon="campaigns" title={`The campaign is ${status}`}>
          It cannot be edited any more. Duplicate it to send it again.
        </Empty>
      ) : (
        <Loading what="the campaign" />
      )}
    </Page>
  );
}

interface RestorableProps {
  name: string;
  stored: Stored | null;
  kept: KeptDraft | null;
  onCreated: (id: string) => void;
}

/** Offers to go on with what the browser has kept, if that is not what is stored. */
function Restorable({ name, stored, kept, onCreated }: RestorableProps) {
  const [zone, now] = [useZone(), useNow()];
  const [start, setStart] = useState<BuilderStart>(() => ({
    draft: stored ? draftOf(stored.campaign, zone) : emptyDraft,
    stored,
    tested: kept?.tested ?? null,
  }));
  const [offer, setOffer] = useState(() =>
    kept && !isSame(kept.draft, start.draft) ? kept : null,
  );
  const [generation, setGeneration] = useState(0);
  return (
    <Editor
      key={generation}
      start={start}
      keeps={offer === null}
      onCreated={onCreated}
      notice={
        offer && (
          <div className={styles.notice} role="status">
            <p>
              <strong>
                Restore draft of {formatShort(new Date(offer.keptAt).toISOString(), zone, now)}?
              </strong>{" "}
              This browser kept changes that were not saved.
            </p>
            <Button
              kind="primary"
              onClick={() => {
                setStart({
                  draft: offer.draft,
                  stored: offer.base ?? stored,
                  tested: offer.tested,
                });
                setGeneration(generation + 1);
                setOffer(null);
              }}
            >
              Restore
            </Button>
            <Button
              // It is offered until it is gone, so that what disappears here is not offered again.
              onClick={() => void forgetDraft(name).then(() => setOffer(null))}
            >
              Discard
            </Button>
          </div>
        )
      }
    />
  );
}

interface EditorProps {
  start: BuilderStart;
  /** Whether changes are kept in the browser. */
  keeps: boolean;
  notice: React.ReactNode;
  onCreated: (id: string) => void;
}

const countMs = 400;

function Editor({ start, keeps, notice, onCreated }: EditorProps) {
  const builder = useBuilder(start, keeps, onCreated);
  const { draft, stored, isFrozen, missing, faults } = builder;
  const { role } = useSession();
  const [showsMissing, setShowsMissing] = useState(false);
  const [current, setCurrent] = useState<SectionId>("message");

  const audience = useDebounced<Draft["audience"]>(draft.audience, countMs);
  const named = audienceOf(audience);
  const count = useQuery({
    ...audienceQuery(named),
    enabled: named !== null,
    placeholderData: (previous) => (named === null ? undefined : previous),
  });
  const problems = [...missing, ...faults];
  const shown = showsMissing ? problems : faults;
  const parts = {
    ...builder,
    sample: named === null ? noSample : (count.data?.sample ?? noSample),
    faultOf: (pointer: string) =>
      shown.find(({ field }) => field === pointer || field.startsWith(`${pointer}/`))?.message,
  };
  const sections = sectionIds.filter((id) => !isFrozen || !frozenSections.has(id));
  return (
    <BuilderContext value={parts}>
      <Page
        up={{ to: "/campaigns", name: "Campaigns" }}
        title={draft.name.trim() === "" ? (stored ? "…" : "New campaign") : draft.name}
        documentTitle={stored ? "Edit a campaign" : "New campaign"}
        actions={<BuilderBar problems={problems} onRefused={() => setShowsMissing(true)} />}
      >
        {notice}
        {builder.saveError !== null && faultsOf(builder.saveError).length === 0 && (
          <ProblemBanner error={builder.saveError} retry={() => void builder.save()} />
        )}
        {!includesRole(role, "sender") && (
          <p className={styles.strip}>
            Your role can try everything here, and save nothing: that needs the role sender.
          </p>
        )}
        {isFrozen && (
          <p className={styles.strip}>
            The audience is frozen, so that only the name, the message and the priority can change.
            Messages that were handed over stay as they are.
          </p>
        )}
        <div className={styles.layout}>
          <Outline sections={sections} current={current} problems={problems} />
          <div
            className={styles.sections}
            onFocus={({ target }) => {
              const section = target.closest("section[id]")?.id as SectionId | undefined;
              if (section) setCurrent(section);
            }}
          >
            <MessageSection />
            {!isFrozen && (
              <>
                <AudienceSection count={count} />
                <TimingSection />
                <TrackingSection />
              </>
            )}
            <GuardSection />
            <ReviewSection problems={problems} />
          </div>
        </div>
      </Page>
    </BuilderContext>
  );
}

/** The sections of what cannot change once the audience is frozen. */
const frozenSections: ReadonlySet<SectionId> = new Set(["audience", "timing", "tracking"]);

const noSample: [] = [];
