-- AlterTable
ALTER TABLE "template_versions" ADD COLUMN     "source" JSONB;

-- CreateTable
CREATE TABLE "layouts" (
    "id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "html" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "layouts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "layout_versions" (
    "layout_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "html" TEXT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "layout_versions_pkey" PRIMARY KEY ("layout_id","version")
);

-- CreateTable
CREATE TABLE "layout_uses" (
    "layout_id" UUID NOT NULL,
    "template_version_id" UUID NOT NULL,
    "layout_version" INTEGER NOT NULL,

    CONSTRAINT "layout_uses_pkey" PRIMARY KEY ("layout_id","template_version_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "layouts_key_key" ON "layouts"("key");

-- CreateIndex
CREATE INDEX "layout_uses_template_version" ON "layout_uses"("template_version_id");

-- AddForeignKey
ALTER TABLE "layout_versions" ADD CONSTRAINT "layout_versions_layout_id_fkey" FOREIGN KEY ("layout_id") REFERENCES "layouts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "layout_uses" ADD CONSTRAINT "layout_uses_layout_id_fkey" FOREIGN KEY ("layout_id") REFERENCES "layouts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "layout_uses" ADD CONSTRAINT "layout_uses_template_version_id_fkey" FOREIGN KEY ("template_version_id") REFERENCES "template_versions"("id") ON DELETE CASCADE ON UPDATE CASCADE;
