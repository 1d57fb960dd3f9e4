-- Schema 1. One line per table and index says which question it answers.

-- What this store knows about itself; one row.
CREATE TABLE store (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    epoch      BLOB    NOT NULL,  -- 32 secret bytes: peers see values keyed with it
    start      BLOB    NOT NULL,  -- token of the last start: the same stands in a file beside the database
    stop       TEXT    NOT NULL,  -- 'clean' after an orderly stop, else 'running'
    udp_port   INTEGER NOT NULL,  -- chosen once, 0 until then
    own_address BLOB              -- where this node was last reachable
) STRICT;

-- Posting ids as small numbers; `post_count` answers 'how many posts of theirs are in the log'.
CREATE TABLE authors (
    author     INTEGER PRIMARY KEY,
    posting_id BLOB    NOT NULL UNIQUE,
    post_count INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Every signed object, bytes verbatim; `object_id` answers 'do I have this'.
CREATE TABLE objects (
    object      INTEGER PRIMARY KEY,
    object_id   BLOB    NOT NULL UNIQUE,
    kind        INTEGER NOT NULL,
    author      INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    bytes       BLOB    NOT NULL,
    signature   BLOB    NOT NULL
) STRICT;

-- The arrival log that peers page through.
CREATE TABLE arrivals (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    author INTEGER NOT NULL,
    object INTEGER NOT NULL UNIQUE
) STRICT;
-- 'What arrived by this author after that position'; covers the whole answer.
CREATE INDEX arrivals_by_author ON arrivals (author, seq, object);

-- Objects whose time has not come; not in the log yet.
CREATE TABLE held (
    object INTEGER PRIMARY KEY,
    author INTEGER NOT NULL,
    due_ms INTEGER NOT NULL
) STRICT;
-- 'Which are due now', 'when is the next one due'.
CREATE INDEX held_by_due ON held (due_ms);
-- 'How many does this author have waiting'.
CREATE INDEX held_by_author ON held (author);

-- Ids refused for good, so that they are never asked for again; oldest first in `refused`.
CREATE TABLE refused (
    refused   INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id BLOB NOT NULL UNIQUE
) STRICT;

-- The feed, newest last: pill 0 merges all personas, every persona has its own. Filled when a post comes in.
CREATE TABLE timeline (
    pill    INTEGER NOT NULL,
    sort_ms INTEGER NOT NULL,
    post_id BLOB    NOT NULL,
    object  INTEGER NOT NULL,
    persona INTEGER NOT NULL,  -- author key of the persona that surfaced it
    unread  INTEGER NOT NULL,  -- 1 until opened
    PRIMARY KEY (pill, sort_ms, post_id)
) STRICT, WITHOUT ROWID;
-- 'How many are unread in this feed'.
CREATE TABLE feeds (
    pill         INTEGER PRIMARY KEY,
    unread_count INTEGER NOT NULL
) STRICT;
-- 'The next unread one'.
CREATE INDEX timeline_unread ON timeline (pill, sort_ms, post_id) WHERE unread = 1;

-- The newest profile of an author.
CREATE TABLE profiles (
    author   INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    object   INTEGER NOT NULL,
    name     TEXT    NOT NULL
) STRICT;

-- My posting identities; the secret keys are in files.
CREATE TABLE personas (
    author INTEGER PRIMARY KEY,
    pill   INTEGER NOT NULL UNIQUE,
    label  TEXT    NOT NULL
) STRICT;

-- Who follows whom; local only.
CREATE TABLE follows (
    persona     INTEGER NOT NULL,
    author      INTEGER NOT NULL,
    name_hint   TEXT    NOT NULL,
    followed_ms INTEGER NOT NULL,
    PRIMARY KEY (persona, author)
) STRICT, WITHOUT ROWID;
-- 'Which personas follow this author'.
CREATE INDEX follows_by_author ON follows (author);

-- Other nodes.
CREATE TABLE peers (
    peer       INTEGER PRIMARY KEY,
    network_id BLOB    NOT NULL UNIQUE,
    epoch      BLOB,              -- the peer's log as it names it to us
    is_kept    INTEGER NOT NULL,  -- 1 when a person named it or it brought something wanted
    seen_ms    INTEGER NOT NULL,  -- last Hello, or when it was added
    relay      TEXT
) STRICT;
-- 'Whom can we forget': strangers first, then whom we did not see for longest.
CREATE INDEX peers_by_use ON peers (is_kept, seen_ms, network_id);

-- Where peers were reached (then `seen_ms` is when) or said to be (then it is 0).
CREATE TABLE peer_sockets (
    peer    INTEGER NOT NULL,
    socket  TEXT    NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (peer, socket)
) STRICT, WITHOUT ROWID;

-- How far we have read a peer's log, per author. No row means from the start.
CREATE TABLE cursors (
    peer   INTEGER NOT NULL,
    author INTEGER NOT NULL,
    since  INTEGER NOT NULL,
    PRIMARY KEY (peer, author)
) STRICT, WITHOUT ROWID;
-- 'Forget this author everywhere' when interest grows.
CREATE INDEX cursors_by_author ON cursors (author);

-- Unfinished text.
CREATE TABLE drafts (
    slot     TEXT PRIMARY KEY,
    text     TEXT    NOT NULL,
    saved_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
