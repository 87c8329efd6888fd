-- AlterTable
ALTER TABLE "campaigns" ADD COLUMN     "route" JSONB;
