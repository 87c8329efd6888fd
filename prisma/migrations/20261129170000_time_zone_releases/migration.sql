-- CreateTable
CREATE TABLE "time_zone_releases" (
    "version" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "fingerprints" JSONB NOT NULL,
    "covers_from" TIMESTAMPTZ(3) NOT NULL,
    "covers_to" TIMESTAMPTZ(3) NOT NULL,
    "changed_zones" TEXT[],
    "adopted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "time_zone_releases_pkey" PRIMARY KEY ("version")
);
