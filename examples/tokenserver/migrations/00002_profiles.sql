-- +goose Up
ALTER TABLE users ADD COLUMN portrait TEXT NOT NULL DEFAULT '';           -- '' = none was given
ALTER TABLE users ADD COLUMN profile_sent INTEGER NOT NULL DEFAULT 0;     -- 1 = RC has this name and portrait; 0 = it may have others
