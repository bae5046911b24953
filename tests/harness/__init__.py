"""What the suites share: a daemon under test, peers, a certificate authority, addresses and names of their own."""
