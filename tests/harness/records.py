"""DNS records as the configuration's local-data takes them."""


def mx(domain, *exchanges):
    """MX of `domain`, each (preference, name), or (preference, name, address...) with the name's addresses."""
    lines = []
    for preference, name, *addresses in exchanges:
        lines.append(f"{domain}. 60 IN MX {preference} {name}.")
        lines += host(name, *addresses)
    return lines


def host(name, *addresses):
    return [f"{name}. 60 IN {'AAAA' if ':' in address else 'A'} {address}" for address in addresses]
