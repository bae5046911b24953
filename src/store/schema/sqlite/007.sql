-- What is wrong with how mail travels, or was (alerts/alert_book.h).
CREATE TABLE alert (
    id       INTEGER PRIMARY KEY,
    since    INTEGER NOT NULL,            -- seconds since 1970, as are the next two
    ended    INTEGER NOT NULL,            -- 0: it is open
    mailed   INTEGER NOT NULL,            -- when a mail told of it last; 0: none did
    severity INTEGER NOT NULL,
    level    INTEGER NOT NULL,            -- the largest there was
    untold   INTEGER NOT NULL,            -- bits: what no mail has told of yet
    cause    TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    remedy   TEXT    NOT NULL,
    end_text TEXT    NOT NULL
) STRICT;

CREATE INDEX alert_by_end ON alert (ended);
