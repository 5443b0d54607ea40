-- Fingerprints of keys are kept in a keyed form where meta has a row key_secret, with the check of the secret that lies
-- in a file beside the database (secret.go). Programs of before would take all keys for unknown.
DELETE FROM meta WHERE name = 'key_secret';
