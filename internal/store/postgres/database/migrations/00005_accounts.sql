-- +goose Up

-- Records have an upstream account: blocks that have one, and the texts of the kind 10 in dims, are new. Tables stay as
-- they are.
SELECT 1;
