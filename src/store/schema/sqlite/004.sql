-- Our own certificates in service: what took over once does not wait for DNS again after a restart.
CREATE TABLE certificate (
    name        TEXT NOT NULL, -- of its set; empty: of the configuration file
    fingerprint TEXT NOT NULL, -- SHA-256 of the certificate, hex
    since       INTEGER NOT NULL,
    PRIMARY KEY (name, fingerprint)
) STRICT, WITHOUT ROWID;
