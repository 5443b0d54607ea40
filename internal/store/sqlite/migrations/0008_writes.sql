-- The identities of the last writes, so that one whose outcome is not known can be asked for, and is not applied twice.
CREATE TABLE writes (n INTEGER PRIMARY KEY, id BLOB NOT NULL);
