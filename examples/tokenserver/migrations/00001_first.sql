-- +goose Up
-- The schema of databases that were made before this program had migrations: IF NOT EXISTS takes those over.
-- All times are Unix times in milliseconds.

CREATE TABLE IF NOT EXISTS users (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  token        TEXT NOT NULL,            -- '' once a deletion has begun
  token_issued INTEGER NOT NULL,
  state        TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'deleting', 'delete failed')),
  operation    TEXT NOT NULL DEFAULT '', -- the deactivation at RC; '' = not sent, or its result was lost
  refusal      TEXT NOT NULL DEFAULT ''  -- the code of RC's refusal, in the state 'delete failed'
) STRICT;

CREATE INDEX IF NOT EXISTS deletions ON users (state) WHERE state = 'deleting';

-- A session is one connection of one device. Ended sessions are kept for a day, in case an older event arrives late.
CREATE TABLE IF NOT EXISTS sessions (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  session TEXT NOT NULL,
  os      TEXT NOT NULL,
  online  INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (user_id, session)
) STRICT, WITHOUT ROWID;

-- The results of deactivations and the times of deactivated users: the webhook.Store.
CREATE TABLE IF NOT EXISTS results (
  operation TEXT NOT NULL,
  user_id   TEXT NOT NULL,
  type      TEXT NOT NULL,
  code      TEXT NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (operation, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS deactivations (
  user_id TEXT PRIMARY KEY,
  at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The requests to the webhook, by the key of their signature: the webhook.ReplayGuard.
CREATE TABLE IF NOT EXISTS replays (
  key   TEXT PRIMARY KEY,
  owner TEXT NOT NULL,    -- the process that is handling the request; '' = handled
  until INTEGER NOT NULL  -- when the row expires
) STRICT, WITHOUT ROWID;
