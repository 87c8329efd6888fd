-- CreateTable
CREATE TABLE "inbound_reports" (
    "key" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "message_id" UUID,
    "received_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "inbound_reports_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "inbound_reports_received" ON "inbound_reports"("received_at");
