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
