-- What the ledger's series changed since they were last stored as a whole, as it encodes it: one row for each write,
-- after a first one that holds everything until then.
CREATE TABLE series (id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
