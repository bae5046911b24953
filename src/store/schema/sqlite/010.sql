-- Which keys were served, and until when: whose TLSA records are ours to take out of DNS.
ALTER TABLE certificate_history ADD COLUMN spki TEXT NOT NULL DEFAULT '';      -- SHA-256 of its public key, hex; empty: not known
ALTER TABLE certificate_history ADD COLUMN until INTEGER NOT NULL DEFAULT 0;   -- seconds since 1970; 0: it is in service
