-- The channel with which a stage of a route begins: the first of its channels for which the recipient has an address, or else the first. Workers
-- choose again when the delivery is due, with everything that is then known (domain/policy/route.ts).
CREATE FUNCTION "first_channel"("via" jsonb, "email" text, "phone" text, "address_channels" "channel"[]) RETURNS "channel"
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN (
    SELECT "v"."channel"::"channel"
    FROM jsonb_array_elements_text(
      CASE jsonb_typeof("via") WHEN 'array' THEN "via" ELSE '["email", "push", "in_app"]'::jsonb END
    ) WITH ORDINALITY AS "v"("channel", "place")
    ORDER BY CASE "v"."channel" WHEN 'email' THEN "email" IS NULL WHEN 'sms' THEN "phone" IS NULL WHEN 'in_app' THEN false
      ELSE NOT coalesce("v"."channel"::"channel" = ANY ("address_channels"), false) END, "v"."place"
    LIMIT 1
  );
