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

-- Headers: operations on posts ----------------------------------------------------------------------------------------

-- Operations in force, each in `objects` too: 'what changes this post', for removal with it.
CREATE TABLE operations (
    object    INTEGER PRIMARY KEY,
    post      INTEGER NOT NULL,  -- row of the post in `objects`
    target_id BLOB    NOT NULL,  -- the post's id, or that of the operation that is meant
    author    INTEGER NOT NULL,
    action    INTEGER NOT NULL
) STRICT;
-- 'How many operations has this author on this post', 'all of this post'.
CREATE INDEX operations_by_post ON operations (post, author, action);

-- Operations whose post is not here (yet); not in the log.
CREATE TABLE waiting (
    object      INTEGER PRIMARY KEY,
    post_id     BLOB    NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;
-- 'What waits for this post'.
CREATE INDEX waiting_by_post ON waiting (post_id);
-- 'What has waited too long'.
CREATE INDEX waiting_by_age ON waiting (received_ms);

-- One row per post with operations: what a feed shows of them, kept when an operation comes in.
CREATE TABLE headers (
    post                INTEGER PRIMARY KEY,
    operation_count     INTEGER NOT NULL DEFAULT 0,
    comment_count       INTEGER NOT NULL DEFAULT 0,  -- those shown
    unread_count        INTEGER NOT NULL DEFAULT 0,  -- of these, not read
    unread_to_me_count  INTEGER NOT NULL DEFAULT 0,  -- of these, answers to a persona of mine
    reactions           TEXT    NOT NULL DEFAULT '', -- JSON list of emoji and count, the most frequent ones
    edit                INTEGER,                     -- the edit whose text is shown
    policy              INTEGER                      -- the policy that holds
) STRICT;

-- Comments, deleted ones included as long as the post is here: answers hang on them.
CREATE TABLE comments (
    operation_id BLOB    PRIMARY KEY,
    post         INTEGER NOT NULL,
    parent_id    BLOB,              -- the comment it answers
    author       INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    received_ms  INTEGER NOT NULL,
    object       INTEGER,           -- NULL once deleted
    state        INTEGER NOT NULL,  -- 0 shown, 1 deleted, 2 hidden, 3 not allowed by the policy
    unread       INTEGER NOT NULL,
    to_me        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- 'The comments of a post in their order', and the kept counts of its header.
CREATE INDEX comments_by_post ON comments (post, created_ms, operation_id, state, unread, to_me);
-- 'Which answers does my comment have'.
CREATE INDEX comments_by_parent ON comments (parent_id);

-- The last reaction of every author, target and emoji.
CREATE TABLE reactions (
    target_id    BLOB    NOT NULL,
    author       INTEGER NOT NULL,
    emoji        TEXT    NOT NULL,
    post         INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    operation_id BLOB    NOT NULL,
    object       INTEGER,           -- NULL once deleted
    is_on        INTEGER NOT NULL,
    PRIMARY KEY (target_id, author, emoji)
) STRICT, WITHOUT ROWID;
-- 'Which reactions belong to this post', for removal with it.
CREATE INDEX reactions_by_post ON reactions (post);
-- 'Which reaction is this operation'.
CREATE INDEX reactions_by_operation ON reactions (operation_id);

-- How many people reacted with an emoji to a target.
CREATE TABLE reaction_counts (
    target_id BLOB    NOT NULL,
    emoji     TEXT    NOT NULL,
    post      INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (target_id, emoji)
) STRICT, WITHOUT ROWID;
-- For removal with the post.
CREATE INDEX reaction_counts_by_post ON reaction_counts (post);

-- New texts of posts and comments. 'The last one by the target's author'.
CREATE TABLE edits (
    target_id    BLOB    NOT NULL,
    author       INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    operation_id BLOB    NOT NULL,
    post         INTEGER NOT NULL,
    object       INTEGER NOT NULL,
    PRIMARY KEY (target_id, author, created_ms, operation_id)
) STRICT, WITHOUT ROWID;
-- For removal with the post.
CREATE INDEX edits_by_post ON edits (post);
-- 'Which edit is this operation'.
CREATE INDEX edits_by_operation ON edits (operation_id);

-- Operations their post's author hid.
CREATE TABLE hides (
    target_id BLOB    PRIMARY KEY,
    post      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- For removal with the post.
CREATE INDEX hides_by_post ON hides (post);

-- Deletions: they win over whatever comes later, and outlive what they delete.
CREATE TABLE tombstones (
    target_id BLOB    NOT NULL,  -- a post or an operation
    author    INTEGER NOT NULL,  -- void unless this is the target's author
    object    INTEGER NOT NULL,  -- the tombstone itself
    is_met    INTEGER NOT NULL,  -- 1 once the target was seen and was the author's: it is never asked for again
    PRIMARY KEY (target_id, author)
) STRICT, WITHOUT ROWID;
-- 'How many tombstones has this author for what is not here'.
CREATE INDEX tombstones_unmet ON tombstones (author) WHERE is_met = 0;

-- Attachments ---------------------------------------------------------------------------------------------------------

-- The blobs that posts here name. A size is the author's claim until everything is here, so it belongs to the key.
CREATE TABLE blobs (
    blob       INTEGER PRIMARY KEY,
    hash       BLOB    NOT NULL,
    size_bytes INTEGER NOT NULL,
    state      TEXT    NOT NULL,  -- 'absent', 'wanted', 'partial', 'complete', 'doubtful', 'damaged'
    held_bytes INTEGER NOT NULL,  -- how much of it was here when it was last looked at
    used_ms    INTEGER NOT NULL,  -- when it was named, completed or read last
    is_fresh   INTEGER NOT NULL,  -- 1 when it was completed after the last orderly stop
    UNIQUE (hash, size_bytes)
) STRICT;
-- 'Which are to be fetched', 'which must not be swept', 'which are to be looked at again'.
CREATE INDEX blobs_by_state ON blobs (state, blob, hash);
-- 'Which were completed in a run that did not end in order'.
CREATE INDEX blobs_fresh ON blobs (blob) WHERE is_fresh = 1;

-- Which post names which blob, in the order of its author.
CREATE TABLE blob_uses (
    object   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    blob     INTEGER NOT NULL,
    PRIMARY KEY (object, position)
) STRICT, WITHOUT ROWID;
-- 'Which posts name this blob': may it be served, does it stay.
CREATE INDEX blob_uses_by_blob ON blob_uses (blob, object);

-- Nodes that had a post which names the blob: whom to ask for it, newest first.
CREATE TABLE blob_sources (
    blob       INTEGER NOT NULL,
    network_id BLOB    NOT NULL,
    seen_ms    INTEGER NOT NULL,
    PRIMARY KEY (blob, network_id)
) STRICT, WITHOUT ROWID;

-- Space ---------------------------------------------------------------------------------------------------------------

-- 'How much room does this author take' (signed bytes and 384 for each object besides, in the log or held; an operation
-- counts for the author of its post), and on whose account: 0 own, 1 followed, 2 anybody else's.
ALTER TABLE authors ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE authors ADD COLUMN class INTEGER NOT NULL DEFAULT 2;
-- 'Which of those nobody here follows takes most'.
CREATE INDEX authors_by_bytes ON authors (bytes) WHERE class = 2 AND bytes > 0;

-- 'How much room does this class take', and the quota an author of it (of the pool: all of it) had at the last start.
CREATE TABLE space (
    class INTEGER PRIMARY KEY,       -- as above, 3 the pool of sealed posts
    bytes INTEGER NOT NULL DEFAULT 0,
    quota INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Authors of whom something came that had to wait and could not: 'when are their logs read again'. One row, whatever it
-- was, so that it costs nothing to be sent a lot of it.
CREATE TABLE deferred (
    author INTEGER PRIMARY KEY,
    due_ms INTEGER NOT NULL
) STRICT;
-- 'Which are due now', 'when is the next one due'.
CREATE INDEX deferred_by_due ON deferred (due_ms);

-- Ids that were here and made room for others: 'not to be asked for again'. Oldest first in `evicted`.
CREATE TABLE evicted (
    evicted   INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id BLOB    NOT NULL UNIQUE,
    author    INTEGER NOT NULL       -- under whom it stood in the log; 0 for a sealed post
) STRICT;
-- 'Forget them when this author gets more room'.
CREATE INDEX evicted_by_author ON evicted (author);

UPDATE authors SET class = 1 WHERE author IN (SELECT author FROM follows);
UPDATE authors SET class = 0 WHERE author IN (SELECT author FROM personas);
UPDATE authors SET bytes =
    (SELECT coalesce(sum(length(objects.bytes) + 384), 0) FROM arrivals JOIN objects USING (object)
     WHERE arrivals.author = authors.author)
  + (SELECT coalesce(sum(length(objects.bytes) + 384), 0) FROM held JOIN objects USING (object)
     WHERE held.author = authors.author);
INSERT INTO space (class) VALUES (0), (1), (2), (3);
UPDATE space SET bytes = (SELECT coalesce(sum(authors.bytes), 0) FROM authors WHERE authors.class = space.class);

-- Names of commenters ------------------------------------------------------------------------------------------------

-- People who commented here and of whom no profile is: 'whose profiles are asked for'. The newest last in `nameless`.
CREATE TABLE nameless (
    nameless INTEGER PRIMARY KEY AUTOINCREMENT,
    author   INTEGER NOT NULL UNIQUE
) STRICT;

-- Profiles that were fetched for a name's sake, of people whose logs nobody here reads. They stand in no log, so that
-- ours does not say whom we read about: 'which of them make room', and 'does this one count like something in the log'.
CREATE TABLE unlogged_profiles (
    object INTEGER PRIMARY KEY,
    author INTEGER NOT NULL
) STRICT;

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
    posting_id BLOB    NOT NULL,  -- no row among `authors`: nothing of theirs may be here yet
    peer       INTEGER NOT NULL,
    is_chosen  INTEGER NOT NULL,  -- 1: we asked for it, 0: the peer did
    is_proven  INTEGER NOT NULL,  -- 1: it delivered valid news of the author
    since_ms   INTEGER NOT NULL,
    PRIMARY KEY (posting_id, peer)
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

-- Peers' logs hold kinds of objects that schema 1 passed over or refused: they are read from the start again.
DELETE FROM cursors;
DELETE FROM refused;

-- Sealed posts --------------------------------------------------------------------------------------------------------

-- Their own log, in order of arrival; narrow, so that a scan of it is cheap. 'Do I have this', 'what came after this
-- position', with the tags (four of 32 bytes) for ranges.
CREATE TABLE sealed_log (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id BLOB    NOT NULL UNIQUE,
    day       INTEGER NOT NULL,
    size      INTEGER NOT NULL,  -- of the signed bytes
    tags      BLOB    NOT NULL
) STRICT;
-- 'Which are too old'.
CREATE INDEX sealed_by_day ON sealed_log (day, seq);

-- What is served.
CREATE TABLE sealed_posts (
    seq       INTEGER PRIMARY KEY,
    bytes     BLOB    NOT NULL,
    signature BLOB    NOT NULL
) STRICT;

-- 'Which have exactly this tag'.
CREATE TABLE sealed_tags (
    tag BLOB    NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tag, seq)
) STRICT, WITHOUT ROWID;

-- How far we have read a peer's log of sealed posts. No row means from the start.
CREATE TABLE sealed_cursors (
    peer      INTEGER PRIMARY KEY,
    since     INTEGER NOT NULL,
    again_day INTEGER  -- when set: on this day the log is read from the start, since it held posts of a day to come
) STRICT;
