-- CreateIndex
CREATE INDEX "campaigns_corrects" ON "campaigns"("corrects_id") WHERE ("corrects_id" IS NOT NULL);
