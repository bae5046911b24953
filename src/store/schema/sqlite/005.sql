-- A TLS report of others about a domain of ours (RFC 8460). One that speaks of several domains has a row for each.
CREATE TABLE received_report (
    id           INTEGER PRIMARY KEY,
    received     INTEGER NOT NULL,        -- seconds since 1970, as are the next two
    starts       INTEGER NOT NULL,
    ends         INTEGER NOT NULL,
    channel      INTEGER NOT NULL,        -- enum received_channel
    is_verified  INTEGER NOT NULL,
    is_summed    INTEGER NOT NULL,
    success      INTEGER NOT NULL,        -- sums over its policies
    failure      INTEGER NOT NULL,
    has_document INTEGER NOT NULL,
    day          TEXT    NOT NULL,        -- "2026-11-24", UTC, of `starts`
    domain       TEXT    NOT NULL,
    reporter     TEXT    NOT NULL,        -- the domain that signed, or the one that is claimed
    report_id    TEXT    NOT NULL,
    organization TEXT    NOT NULL,
    contact      TEXT    NOT NULL,
    source       TEXT    NOT NULL,        -- whose quota it counts against
    notes        TEXT    NOT NULL,        -- a JSON array of sentences
    hash         BLOB    NOT NULL,        -- SHA-256 of the JSON
    document     BLOB    NOT NULL         -- gzipped JSON; last: the columns above are read without it
) STRICT;

CREATE UNIQUE INDEX received_by_key ON received_report (domain, starts, ends, reporter, report_id, is_verified);
CREATE INDEX received_by_day ON received_report (day);
CREATE INDEX received_by_domain ON received_report (domain, day);
CREATE INDEX received_with_document ON received_report (received) WHERE has_document = 1;
CREATE INDEX received_from_strangers ON received_report (id) WHERE is_verified = 0 AND channel <> 2;

CREATE TABLE received_policy (
    report  INTEGER NOT NULL,
    no      INTEGER NOT NULL,
    success INTEGER NOT NULL,
    failure INTEGER NOT NULL,
    type    TEXT    NOT NULL,
    domain  TEXT    NOT NULL,             -- its policy-domain: the host of a policy by TLSA
    PRIMARY KEY (report, no)
) STRICT, WITHOUT ROWID;

CREATE TABLE received_failure (
    report       INTEGER NOT NULL,
    no           INTEGER NOT NULL,
    policy       INTEGER NOT NULL,        -- no of received_policy
    count        INTEGER NOT NULL,
    result       TEXT    NOT NULL,
    mx           TEXT    NOT NULL,
    receiving_ip TEXT    NOT NULL,
    sending_ip   TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    PRIMARY KEY (report, no)
) STRICT, WITHOUT ROWID;

-- How many reports a source brought on a day of arrival; without a source: how many of strangers there are in all.
CREATE TABLE received_quota (
    day    TEXT    NOT NULL,
    source TEXT    NOT NULL,
    value  INTEGER NOT NULL,
    PRIMARY KEY (day, source)
) STRICT, WITHOUT ROWID;
INSERT INTO received_quota VALUES ('', '', 0);
