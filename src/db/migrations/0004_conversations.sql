-- Schema 4. Everything here is encrypted under the data key, and named by keyed hashes: without the key a row says
-- neither who nor when nor with whom.

-- Sessions, prekeys, people, conversations, what waits to be sent, and drafts (those in `drafts` move here when the key is
-- known): 'all of a kind', 'the one with this name'.
CREATE TABLE protected (
    kind  INTEGER NOT NULL,
    name  BLOB    NOT NULL,  -- 32 bytes: keyed hash
    value BLOB    NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- Messages: 'a page of a conversation', oldest first.
CREATE TABLE messages (
    conversation BLOB    NOT NULL,  -- 32 bytes: keyed hash
    place        INTEGER NOT NULL,  -- an order, no time
    name         BLOB    NOT NULL,  -- 32 bytes: keyed hash of thread, sender and message id
    value        BLOB    NOT NULL,
    PRIMARY KEY (conversation, place)
) STRICT, WITHOUT ROWID;
-- 'The message that is answered, confirmed, changed; was it here before'.
CREATE UNIQUE INDEX messages_by_name ON messages (name);
