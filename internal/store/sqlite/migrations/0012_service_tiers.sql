-- Blocks and the rows of the table recent can have the service tier of their records (versions 3 and 4 of figures).
-- Nothing of the schema changes; the version rises so that an earlier program, which cannot read them, refuses the database.
SELECT 1;
