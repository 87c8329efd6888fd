-- AlterTable
ALTER TABLE "gates" ADD COLUMN     "shut_by" TEXT;
