-- AlterTable
ALTER TABLE "addresses" ADD COLUMN     "ending" TEXT;
