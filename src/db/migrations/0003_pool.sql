-- The pool of sealed posts: who brought which, and what is on its way to where it is spread from.

-- Who brought sealed posts here: 'how much of the pool is whose', 'who of a kind brought most'. Forgotten with its last
-- post.
CREATE TABLE sealed_introducers (
    introducer INTEGER PRIMARY KEY,
    kind       INTEGER NOT NULL,         -- 0 nobody who is known, 1 a node, 2 a public prefix
    subject    BLOB    NOT NULL UNIQUE,  -- nothing, 32 bytes of a node, 3 or 6 of a prefix
    bytes      INTEGER NOT NULL          -- signed bytes and 384 for each post besides
) STRICT;
CREATE INDEX sealed_introducers_by_bytes ON sealed_introducers (kind, bytes, introducer);

-- Each post counts for the node that brought it (or for nobody), and for the prefix it was seen in, 0 if that is not public.
ALTER TABLE sealed_log ADD COLUMN node INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sealed_log ADD COLUMN prefix INTEGER NOT NULL DEFAULT 0;
-- 'Which of those this one brought came first'.
CREATE INDEX sealed_by_node ON sealed_log (node, seq);
CREATE INDEX sealed_by_prefix ON sealed_log (prefix, seq) WHERE prefix > 0;

INSERT INTO sealed_introducers (introducer, kind, subject, bytes)
    SELECT 1, 0, x'', sum(size + 384) FROM sealed_log HAVING count(*) > 0;

-- Sealed posts on the stem: in no log, offered and served to nobody. 'What goes on after a start'. Nothing in a row says
-- which ones were made here: those stand under a peer that might have brought them.
CREATE TABLE sealed_stem (
    object_id BLOB NOT NULL UNIQUE,
    node      BLOB NOT NULL,  -- subjects as above
    prefix    BLOB NOT NULL,
    bytes     BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;
