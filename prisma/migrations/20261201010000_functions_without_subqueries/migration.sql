-- The same functions as before, without a subquery and without text: PostgreSQL puts their bodies into the statements that call them for each row of
-- an audience.

-- A UUID of version 7 (RFC 9562): the milliseconds since the epoch, and random bits. The last two calls change the version from 4 to 7.
CREATE OR REPLACE FUNCTION "uuid_v7"("at" timestamptz) RETURNS uuid
  LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN encode(
    set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send((extract(epoch FROM "at") * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1),
    'hex'
  )::uuid;

-- The first of up to six channels for which the recipient has an address, or else the first.
CREATE FUNCTION "first_of_channels"("via" jsonb, "email" text, "phone" text, "address_channels" "channel"[]) RETURNS "channel"
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN (CASE
    WHEN CASE ("via"->>0) WHEN 'email' THEN "email" IS NOT NULL WHEN 'sms' THEN "phone" IS NOT NULL WHEN 'in_app' THEN true ELSE ("via"->>0)::"channel" = ANY ("address_channels") END THEN ("via"->>0)
    WHEN CASE ("via"->>1) WHEN 'email' THEN "email" IS NOT NULL WHEN 'sms' THEN "phone" IS NOT NULL WHEN 'in_app' THEN true ELSE ("via"->>1)::"channel" = ANY ("address_channels") END THEN ("via"->>1)
    WHEN CASE ("via"->>2) WHEN 'email' THEN "email" IS NOT NULL WHEN 'sms' THEN "phone" IS NOT NULL WHEN 'in_app' THEN true ELSE ("via"->>2)::"channel" = ANY ("address_channels") END THEN ("via"->>2)
    WHEN CASE ("via"->>3) WHEN 'email' THEN "email" IS NOT NULL WHEN 'sms' THEN "phone" IS NOT NULL WHEN 'in_app' THEN true ELSE ("via"->>3)::"channel" = ANY ("address_channels") END THEN ("via"->>3)
    WHEN CASE ("via"->>4) WHEN 'email' THEN "email" IS NOT NULL WHEN 'sms' THEN "phone" IS NOT NULL WHEN 'in_app' THEN true ELSE ("via"->>4)::"channel" = ANY ("address_channels") END THEN ("via"->>4)
    WHEN CASE ("via"->>5) WHEN 'email' THEN "email" IS NOT NULL WHEN 'sms' THEN "phone" IS NOT NULL WHEN 'in_app' THEN true ELSE ("via"->>5)::"channel" = ANY ("address_channels") END THEN ("via"->>5)
    ELSE ("via"->>0) END)::"channel";

-- The channel with which a stage of a route begins. Workers choose again when the delivery is due, with everything that is then known
-- (domain/policy/route.ts).
CREATE OR REPLACE FUNCTION "first_channel"("via" jsonb, "email" text, "phone" text, "address_channels" "channel"[]) RETURNS "channel"
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN "first_of_channels"(CASE jsonb_typeof("via") WHEN 'array' THEN "via" ELSE '["email", "push", "in_app"]'::jsonb END, "email", "phone", "address_channels");
