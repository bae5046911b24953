-- A server whose certificate is watched: what was last seen of it, and what is wrong with it.
CREATE TABLE watched (
    name  TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL               -- JSON
) STRICT, WITHOUT ROWID;
