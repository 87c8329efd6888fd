-- The version that a retry named: it takes the place of the one that the delivery's source is bound to.
ALTER TABLE "deliveries" ADD COLUMN "template_version_id" UUID;
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_template_version_id_fkey" FOREIGN KEY ("template_version_id") REFERENCES "template_versions"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
