-- An MTA-STS policy of a domain of ours: what it published once or publishes now, which is the last one.
CREATE TABLE own_policy (
    seq    INTEGER PRIMARY KEY,
    domain TEXT    NOT NULL,
    id     TEXT    NOT NULL,              -- of the TXT record; never used again
    made   INTEGER NOT NULL,              -- seconds since 1970
    text   TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX own_policy_by_id ON own_policy (domain, id);
