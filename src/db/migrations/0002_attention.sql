-- Schema 2. One line per table and index says which question it answers.

-- Trust ---------------------------------------------------------------------------------------------------------------

-- How a node (32 bytes: its network id) or a public prefix (3 or 6 bytes) behaved: 'how does this one stand'.
CREATE TABLE standings (
    subject         BLOB    PRIMARY KEY,
    score_milli     INTEGER NOT NULL,  -- thousandths of a point at `scored_ms`, never above 0
    scored_ms       INTEGER NOT NULL,
    banned_until_ms INTEGER NOT NULL   -- 0: not banned; the largest number: by a person, without an end
) STRICT, WITHOUT ROWID;
-- 'Who is banned now', 'whom can we forget': those that are not banned first, then whose ban ends first.
CREATE INDEX standings_by_ban ON standings (banned_until_ms, scored_ms);

-- Carried authors -----------------------------------------------------------------------------------------------------

-- Authors nobody here follows, kept because a connected node wants them: 'whom do we carry, on whose account, since
-- when, and who was not wanted for longest'. No row among `authors` until something of theirs is stored, so that a
-- list of made-up ids leaves nothing behind.
CREATE TABLE carried (
    posting_id BLOB    PRIMARY KEY,
    peer       INTEGER NOT NULL,  -- the node on whose list it stood first
    taken_ms   INTEGER NOT NULL,  -- since when
    wanted_ms  INTEGER NOT NULL   -- when a connected node last wanted it
) STRICT, WITHOUT ROWID;
