-- The way of a domain of ours to another mode of MTA-STS: where it is.
CREATE TABLE plan (
    domain TEXT NOT NULL PRIMARY KEY,
    state  TEXT NOT NULL               -- JSON
) STRICT, WITHOUT ROWID;
