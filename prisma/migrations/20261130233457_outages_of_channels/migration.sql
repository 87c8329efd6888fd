-- AlterTable
ALTER TABLE "gates" ADD COLUMN     "shut_since" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "diversions" (
    "delivery_id" UUID NOT NULL,
    "channel" "channel" NOT NULL,
    "out_since" TIMESTAMPTZ(3) NOT NULL,
    "diverted_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "diversions_pkey" PRIMARY KEY ("delivery_id","channel")
);
