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

-- Spread --------------------------------------------------------------------------------------------------------------

-- The newest manifest of an author.
CREATE TABLE manifests (
    author   INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    object   INTEGER NOT NULL
) STRICT;

-- Replaced manifests that are still served, since a page may just have offered them: 'which bytes can be dropped'.
CREATE TABLE replaced_manifests (
    object      INTEGER PRIMARY KEY,
    replaced_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX replaced_manifests_by_time ON replaced_manifests (replaced_ms);

-- Mutual seats with peers that carry an author: 'who is told first of what this author publishes'. At most 4 an author.
CREATE TABLE author_seats (
    author    INTEGER NOT NULL,
    peer      INTEGER NOT NULL,
    is_chosen INTEGER NOT NULL,  -- 1: we asked for it, 0: the peer did
    is_proven INTEGER NOT NULL,  -- 1: it delivered valid news of the author
    since_ms  INTEGER NOT NULL,
    PRIMARY KEY (author, peer)
) STRICT, WITHOUT ROWID;
-- 'Which seats go with this peer', 'has it any'.
CREATE INDEX author_seats_by_peer ON author_seats (peer);

-- Other peers known to have a file, by verified interactions on it: 'who else holds this'. At most 5 a file.
CREATE TABLE file_holders (
    file_id             BLOB    NOT NULL,
    peer_id             INTEGER NOT NULL,
    last_interaction_ms INTEGER NOT NULL,
    direction           INTEGER NOT NULL,  -- 1: we had it from the peer, 0: the peer had it from us
    PRIMARY KEY (file_id, peer_id)
) STRICT, WITHOUT ROWID;
-- 'Which rows go with this peer'.
CREATE INDEX file_holders_by_peer ON file_holders (peer_id);
