-- Failed calls have the message of their error: blocks that have one are new. Programs that do not know them must not open
-- the database; its tables stay as they are.
SELECT 1;
