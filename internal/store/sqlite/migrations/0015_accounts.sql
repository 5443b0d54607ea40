-- Records have an upstream account: blocks that have one, and the texts of the kind 10 in dims, are new. Programs that do
-- not know them must not open the database; its tables stay as they are.
SELECT 1;
