-- A message waiting to be delivered. Its content is in `body`, or in `chunks` rows of chunk.
CREATE TABLE message (
    id              INTEGER PRIMARY KEY,  -- milliseconds since 1970, then 20 bits of chance
    received        INTEGER NOT NULL,     -- seconds since 1970
    origin          INTEGER NOT NULL,     -- enum message_origin
    size            INTEGER NOT NULL,
    body_type       INTEGER NOT NULL,     -- enum smtp_body
    ret             INTEGER NOT NULL,     -- enum smtp_ret
    is_utf8         INTEGER NOT NULL,
    requires_tls    INTEGER NOT NULL,
    tls_required_no INTEGER NOT NULL,
    chunks          INTEGER NOT NULL,
    checksum        INTEGER NOT NULL,     -- of body
    sender          TEXT    NOT NULL,
    envid           TEXT    NOT NULL,
    auth            TEXT    NOT NULL,
    user            TEXT    NOT NULL,
    client          TEXT    NOT NULL,
    body            BLOB    NOT NULL      -- last: the columns above are read without it
) STRICT;

CREATE TABLE chunk (
    message  INTEGER NOT NULL,
    no       INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    bytes    BLOB    NOT NULL,
    PRIMARY KEY (message, no)
) STRICT, WITHOUT ROWID;

-- One recipient still to be served. `sender` repeats the message's, so that a filter reads these small rows alone.
CREATE TABLE delivery (
    message        INTEGER NOT NULL,
    idx            INTEGER NOT NULL,
    state          INTEGER NOT NULL,      -- bits: 1 claimed, 2 held
    due            INTEGER NOT NULL,      -- seconds since 1970
    attempts       INTEGER NOT NULL,
    delay_notified INTEGER NOT NULL,
    notify         INTEGER NOT NULL,      -- enum smtp_notify bits
    domain         TEXT    NOT NULL,
    sender         TEXT    NOT NULL,
    address        TEXT    NOT NULL,
    orcpt          TEXT    NOT NULL,
    last_error     TEXT    NOT NULL,
    PRIMARY KEY (message, idx)
) STRICT, WITHOUT ROWID;

-- A fresh message is put claimed and mostly goes at its first attempt: it never touches these.
-- `state` stands in them so that a claim reads them alone.
CREATE INDEX delivery_by_due ON delivery (due, message, idx, domain, state) WHERE state = 0;
CREATE INDEX delivery_by_domain ON delivery (domain, due, message, idx, state) WHERE state = 0;

-- What was decided and tried. One row holds what one request brought: lines of "<ms since 1970> <JSON object>".
CREATE TABLE trace (
    message INTEGER NOT NULL,
    seq     INTEGER NOT NULL,             -- grows
    lines   TEXT    NOT NULL,
    PRIMARY KEY (message, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    name  TEXT    NOT NULL,
    day   TEXT    NOT NULL,               -- "2026-11-24", UTC
    key   TEXT    NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, day, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,                  -- a JSON object
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id       INTEGER PRIMARY KEY,         -- 1, 2, 3: a gap is a forgery
    at       INTEGER NOT NULL,            -- seconds since 1970
    who      TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    "before" TEXT,
    "after"  TEXT,
    hash     TEXT    NOT NULL             -- SHA-256 over the former row's hash and this row
) STRICT;

-- One row: the settings' version, and where the audit ends, so that rows cut off its end are missed.
CREATE TABLE settings_state (
    version    INTEGER NOT NULL,
    audit_id   INTEGER NOT NULL,
    audit_hash TEXT    NOT NULL
) STRICT;
INSERT INTO settings_state VALUES (0, 0, '');
