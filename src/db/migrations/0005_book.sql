-- Schema 5. Which posting ids are mine, and whom each of them follows, is one encrypted value among the protected rows. A
-- connection that was shown it has it in temporary tables `personas` and `follows`, in memory; without the key the store
-- knows only the union of both, which it asks others for anyway.

-- What stood here in the clear: emptied as soon as the data key is known.
DROP INDEX follows_by_author;
ALTER TABLE personas RENAME TO clear_personas;
ALTER TABLE follows RENAME TO clear_follows;

-- My own authors are no class of their own: 1 is mine and those I follow.
UPDATE authors SET class = 1 WHERE class = 0;
UPDATE space SET bytes = bytes + (SELECT bytes FROM space WHERE class = 0) WHERE class = 1;
DELETE FROM space WHERE class = 0;
-- 'Whom do we ask for'.
CREATE INDEX authors_of_interest ON authors (posting_id) WHERE class = 1;

-- The feed, newest last: every post of whom I am or follow, once, whoever of mine follows its author. 'A page of it'.
ALTER TABLE timeline RENAME TO timeline_by_persona;
DROP INDEX timeline_unread;
CREATE TABLE timeline (
    sort_ms INTEGER NOT NULL,
    post_id BLOB    NOT NULL,
    object  INTEGER NOT NULL,
    author  INTEGER NOT NULL,
    unread  INTEGER NOT NULL,  -- 1 until opened
    PRIMARY KEY (sort_ms, post_id)
) STRICT, WITHOUT ROWID;
INSERT INTO timeline (sort_ms, post_id, object, author, unread)
    SELECT sort_ms, post_id, object, author, unread FROM timeline_by_persona JOIN objects USING (object) WHERE pill = 0;
DROP TABLE timeline_by_persona;
-- 'The next unread one'.
CREATE INDEX timeline_unread ON timeline (sort_ms, post_id) WHERE unread = 1;
-- The same of one author: a persona's feed is merged from those of whom it follows.
CREATE INDEX timeline_by_author ON timeline (author, sort_ms, post_id);
CREATE INDEX timeline_unread_by_author ON timeline (author, sort_ms, post_id) WHERE unread = 1;

-- 'How many of this author are unread'; no row for none.
DROP TABLE feeds;
CREATE TABLE unread_counts (
    author INTEGER PRIMARY KEY,
    count  INTEGER NOT NULL
) STRICT;
INSERT INTO unread_counts (author, count) SELECT author, count(*) FROM timeline WHERE unread = 1 GROUP BY author;

-- Posts that came while nobody knew whose they are: 'what enters the feed once the data key is known'.
CREATE TABLE unplaced (
    object INTEGER PRIMARY KEY
) STRICT;

-- Whom a comment answers, not whether that is me; 0 as long as what it answers is not here.
DROP INDEX comments_by_post;
ALTER TABLE comments ADD COLUMN answered INTEGER NOT NULL DEFAULT 0;
UPDATE comments SET answered = coalesce(
    CASE WHEN parent_id IS NULL THEN (SELECT author FROM objects WHERE objects.object = comments.post)
         ELSE (SELECT author FROM comments AS parents WHERE parents.operation_id = comments.parent_id) END, 0);
ALTER TABLE comments DROP COLUMN to_me;
ALTER TABLE headers DROP COLUMN unread_to_me_count;
CREATE INDEX comments_by_post ON comments (post, created_ms, operation_id, state, unread);
-- 'How many of the unread ones answer me'.
CREATE INDEX comments_unread ON comments (post, answered, author) WHERE unread = 1 AND state = 0;

-- 'Was this store put back from a copy'. It is another one where that shows beside the database, and not where a peer has
-- the log renamed.
ALTER TABLE store ADD COLUMN lives BLOB NOT NULL DEFAULT x'';
UPDATE store SET lives = epoch;
