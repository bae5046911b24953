-- Which of our certificates came into service, and when: what failed from then on may be its doing.
CREATE TABLE certificate_history (
    name        TEXT NOT NULL,    -- of its set; empty: of the configuration file
    fingerprint TEXT NOT NULL,    -- SHA-256 of the certificate, hex
    since       INTEGER NOT NULL, -- seconds since 1970
    PRIMARY KEY (name, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE INDEX certificate_history_by_time ON certificate_history (since);
INSERT INTO certificate_history SELECT name, fingerprint, since FROM certificate;
