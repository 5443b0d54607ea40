-- Parts of the figures that only prices ask for, and which prices a cost came from.
-- cache_write_1h is a part of cache_write. modalities holds the counts that are not text, see
-- packModalities; NULL where there are none, which is nearly always. prices is the id of the price
-- version's text in dims; 0 where the cost came from no price book, or from one before this schema.

ALTER TABLE calls ADD COLUMN cache_write_1h INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN modalities BLOB;
ALTER TABLE calls ADD COLUMN prices INTEGER NOT NULL DEFAULT 0;
