-- CreateTable
CREATE TABLE "data_keys" (
    "id" INTEGER NOT NULL,
    "wrapped" BYTEA NOT NULL,
    "wrapped_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "retired_at" TIMESTAMPTZ(3),
    "resealed_at" TIMESTAMPTZ(3),

    CONSTRAINT "data_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sealing_canary" (
    "id" INTEGER NOT NULL,
    "value" BYTEA NOT NULL,

    CONSTRAINT "sealing_canary_pkey" PRIMARY KEY ("id")
);
