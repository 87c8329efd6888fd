-- AlterTable
ALTER TABLE "template_versions" ADD COLUMN     "created_by" TEXT;
