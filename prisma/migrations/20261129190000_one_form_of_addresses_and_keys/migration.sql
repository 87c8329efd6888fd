-- Addresses are kept and compared in one Unicode form, NFC (RFC 6532, section 3.1). Of suppressions that become one, the oldest stays
-- of those that hold for good, or else of all: as when the same address is added twice.
DELETE FROM suppressions AS s
WHERE s.address ~ '[^[:ascii:]]' AND EXISTS (
  SELECT FROM suppressions AS o
  WHERE o.channel = s.channel AND normalize(o.address, NFC) = normalize(s.address, NFC) AND (o.expires_at IS NOT NULL, o.created_at, o.id) < (s.expires_at IS NOT NULL, s.created_at, s.id)
);
UPDATE suppressions SET address = normalize(address, NFC)
WHERE address ~ '[^[:ascii:]]' AND address IS NOT NFC NORMALIZED;

UPDATE recipients SET email = normalize(email, NFC)
WHERE email ~ '[^[:ascii:]]' AND email IS NOT NFC NORMALIZED;

-- An Idempotency-Key in double quotes is the same key as without. Where both have an answer, that of the bare one stays.
DELETE FROM idempotency_keys AS q USING idempotency_keys AS b
WHERE q.key ~ '^"([]-~ !#-[]|\\["\\])+"$' AND b.scope = q.scope
  AND b.key = regexp_replace(substr(q.key, 2, length(q.key) - 2), '\\(["\\])', '\1', 'g');
UPDATE idempotency_keys SET key = regexp_replace(substr(key, 2, length(key) - 2), '\\(["\\])', '\1', 'g')
WHERE key ~ '^"([]-~ !#-[]|\\["\\])+"$';
