"""posttls-finger, the probe of Postfix: what another mail system says of a domain's first server under DANE."""
import os
import re
import subprocess

MATCHED, UNMATCHED, UNKNOWN = "matched", "not matched", "nothing to go by"


class Finger:
    """Needs the peers, and a validating resolver in resolv.conf (harness.validator)."""

    def __init__(self, folder):
        self.env = {**os.environ, "MAIL_CONFIG": str(folder)}
        folder.mkdir(exist_ok=True)
        (folder / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = finger.example.test\nmail_owner = postfix\n"
                                        "setgid_group = postdrop\nqueue_directory = /var/spool/postfix\n"
                                        "inet_protocols = ipv4\n")

    def probe(self, domain):
        """(MATCHED, UNMATCHED or UNKNOWN, the record that matched as "3 1 1 hex" or "", all it said)."""
        done = subprocess.run(["/usr/sbin/posttls-finger", "-c", "-l", "dane", "-L", "summary,certmatch", "-t", "10", domain],
                              text=True, capture_output=True, env=self.env, timeout=60, check=False)
        said = done.stdout + done.stderr
        record = re.search(r"[Mm]atched DANE [^:]+: (\d \d \d) ([0-9A-F]+)", said)
        if record and "Verified TLS connection established" in said:
            return MATCHED, f"{record[1]} {record[2].lower()}", said
        if "TLS connection established" in said:
            return UNMATCHED, "", said
        return UNKNOWN, "", said
