-- A gate grants slots, each with its instant, instead of permits that fill up. What it had saved up is how far back its next slot lies.
ALTER TABLE "gates" ADD COLUMN "next_slot_at" TIMESTAMPTZ(6);

UPDATE "gates" SET "next_slot_at" = "refilled_at" + (1 - "permits") / "permits_per_second" * interval '1 second' WHERE "permits_per_second" IS NOT NULL;

ALTER TABLE "gates" DROP COLUMN "permits", DROP COLUMN "refilled_at";
