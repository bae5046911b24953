-- An MTA-STS policy of another domain, as fetched (RFC 8461).
CREATE TABLE sts_policy (
    domain  TEXT    NOT NULL PRIMARY KEY,
    id      TEXT    NOT NULL,             -- of the TXT record that led to it
    fetched INTEGER NOT NULL,             -- these four: seconds since 1970
    expires INTEGER NOT NULL,
    checked INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    text    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- TLS sessions counted for the reports to other domains (RFC 8460).
CREATE TABLE report_count (
    day    TEXT    NOT NULL,              -- "2026-11-24", UTC
    domain TEXT    NOT NULL,              -- whose report it goes into
    policy TEXT    NOT NULL,
    detail TEXT    NOT NULL,
    value  INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, detail)
) STRICT, WITHOUT ROWID;

-- A TLS report of ours. Who puts the row sends the report; the rest is filled in when it is made.
CREATE TABLE report (
    seq       INTEGER PRIMARY KEY,
    day       TEXT    NOT NULL,
    domain    TEXT    NOT NULL,
    report_id TEXT    NOT NULL,           -- '' while it is only claimed
    made      INTEGER NOT NULL,           -- seconds since 1970
    next      INTEGER NOT NULL,           -- when something is to be done, seconds since 1970; 0: nothing is
    targets   TEXT    NOT NULL,           -- JSON
    document  BLOB    NOT NULL            -- gzipped JSON; last: the columns above are read without it
) STRICT;

CREATE UNIQUE INDEX report_by_day ON report (day, domain);
CREATE UNIQUE INDEX report_by_id ON report (report_id) WHERE report_id <> '';
CREATE INDEX report_by_next ON report (next) WHERE next > 0;
