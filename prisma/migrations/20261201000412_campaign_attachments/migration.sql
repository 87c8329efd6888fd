-- AlterTable
ALTER TABLE "campaign_revisions" ADD COLUMN     "attachment_ids" UUID[] DEFAULT ARRAY[]::UUID[];

-- AlterTable
ALTER TABLE "campaigns" ADD COLUMN     "attachment_ids" UUID[] DEFAULT ARRAY[]::UUID[];
