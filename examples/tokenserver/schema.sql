-- Times are milliseconds since 1970, as RC's are.

CREATE TABLE IF NOT EXISTS users (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  token        TEXT NOT NULL,            -- '' from when on the account is being deleted
  token_issued INTEGER NOT NULL,
  state        TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'deleting', 'delete failed')),
  operation    TEXT NOT NULL DEFAULT '', -- RC's, of the deletion; '' = RC hasn't been asked, or its answer was lost
  refusal      TEXT NOT NULL DEFAULT ''  -- the code with which RC refused the last deletion
) STRICT;

CREATE INDEX IF NOT EXISTS deletions ON users (state) WHERE state = 'deleting';

-- A session is one connection of one device. Those that ended are kept for a while, as an older event about them may come.
CREATE TABLE IF NOT EXISTS sessions (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  session TEXT NOT NULL,
  os      TEXT NOT NULL,
  online  INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (user_id, session)
) STRICT, WITHOUT ROWID;

-- What RC said of deactivations, for package webhook.
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

-- The webhook's requests, by their signature.
CREATE TABLE IF NOT EXISTS replays (
  key   TEXT PRIMARY KEY,
  owner TEXT NOT NULL,    -- the process that handles it; '' = it was handled
  until INTEGER NOT NULL  -- when that is forgotten
) STRICT, WITHOUT ROWID;
