-- AlterTable
ALTER TABLE "notifications" ADD COLUMN     "content_id" UUID,
ALTER COLUMN "template_version_id" DROP NOT NULL;

-- CreateTable
CREATE TABLE "inline_contents" (
    "id" UUID NOT NULL,
    "hash" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "inline_contents_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attachments" (
    "id" UUID NOT NULL,
    "hash" TEXT NOT NULL,
    "size" INTEGER NOT NULL,
    "key" BYTEA NOT NULL,
    "description" BYTEA NOT NULL,
    "content" BYTEA NOT NULL,
    "uploaded" BOOLEAN NOT NULL DEFAULT false,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "attachments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "notification_attachments" (
    "notification_id" UUID NOT NULL,
    "position" SMALLINT NOT NULL,
    "attachment_id" UUID NOT NULL,

    CONSTRAINT "notification_attachments_pkey" PRIMARY KEY ("notification_id","position")
);

-- CreateTable
CREATE TABLE "notification_copies" (
    "notification_id" UUID NOT NULL,
    "position" SMALLINT NOT NULL,
    "kind" TEXT NOT NULL,
    "address" TEXT,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "detail" TEXT,
    "decided_at" TIMESTAMPTZ(3),

    CONSTRAINT "notification_copies_pkey" PRIMARY KEY ("notification_id","position")
);

-- CreateIndex
CREATE UNIQUE INDEX "inline_contents_hash_key" ON "inline_contents"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "attachments_hash_key" ON "attachments"("hash");

-- CreateIndex
CREATE INDEX "notification_attachments_attachment_id_idx" ON "notification_attachments"("attachment_id");

-- CreateIndex
CREATE INDEX "notifications_content" ON "notifications"("content_id") WHERE ("content_id" IS NOT NULL);

-- AddForeignKey
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_content_id_fkey" FOREIGN KEY ("content_id") REFERENCES "inline_contents"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notification_attachments" ADD CONSTRAINT "notification_attachments_notification_id_fkey" FOREIGN KEY ("notification_id") REFERENCES "notifications"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notification_attachments" ADD CONSTRAINT "notification_attachments_attachment_id_fkey" FOREIGN KEY ("attachment_id") REFERENCES "attachments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notification_copies" ADD CONSTRAINT "notification_copies_notification_id_fkey" FOREIGN KEY ("notification_id") REFERENCES "notifications"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Encrypted contents cannot be compressed, so that trying would only take time.
ALTER TABLE "attachments" ALTER COLUMN "content" SET STORAGE EXTERNAL;

ALTER TABLE "notification_copies" ADD CONSTRAINT "notification_copies_kind" CHECK ("kind" IN ('cc', 'bcc'));
ALTER TABLE "notification_copies" ADD CONSTRAINT "notification_copies_status" CHECK ("status" IN ('pending', 'sent', 'refused', 'suppressed', 'unknown'));
