#include "certs/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum kx {
    RSA,
    RSA_EXPORT,
    RSA_EXPORT1024,
    DH_DSS,
    DH_DSS_EXPORT,
    DH_RSA,
    DH_RSA_EXPORT,
    DHE_DSS,
    DHE_DSS_EXPORT,
    DHE_DSS_EXPORT1024,
    DHE_RSA,
    DHE_RSA_EXPORT,
    DH_ANON,
    DH_ANON_EXPORT,
    ECDH_ECDSA,
    ECDH_RSA,
    ECDHE_ECDSA,
    ECDHE_RSA,
    ECDH_ANON,
    KEY_SHARE,
};

enum { SIGNED = 1, ELLIPTIC = 2, ANONYMOUS = 4, EXPORT = 8 };

static const struct {
    const char *name;
    enum suite_exchange exchange;
    unsigned traits;
} exchanges[] = {
    [RSA] = { "RSA_WITH_", SUITE_BY_RSA, 0 },
    [RSA_EXPORT] = { "RSA_EXPORT_WITH_", SUITE_BY_RSA_EXPORT, EXPORT | SIGNED },
    [RSA_EXPORT1024] = { "RSA_EXPORT1024_WITH_", SUITE_BY_RSA_EXPORT, EXPORT | SIGNED },
    [DH_DSS] = { "DH_DSS_WITH_", SUITE_BY_FIXED_DH, 0 },
    [DH_DSS_EXPORT] = { "DH_DSS_EXPORT_WITH_", SUITE_BY_FIXED_DH, EXPORT },
    [DH_RSA] = { "DH_RSA_WITH_", SUITE_BY_FIXED_DH, 0 },
    [DH_RSA_EXPORT] = { "DH_RSA_EXPORT_WITH_", SUITE_BY_FIXED_DH, EXPORT },
    [DHE_DSS] = { "DHE_DSS_WITH_", SUITE_BY_DHE, SIGNED },
    [DHE_DSS_EXPORT] = { "DHE_DSS_EXPORT_WITH_", SUITE_BY_DHE, SIGNED | EXPORT },
    [DHE_DSS_EXPORT1024] = { "DHE_DSS_EXPORT1024_WITH_", SUITE_BY_DHE, SIGNED | EXPORT },
    [DHE_RSA] = { "DHE_RSA_WITH_", SUITE_BY_DHE, SIGNED },
    [DHE_RSA_EXPORT] = { "DHE_RSA_EXPORT_WITH_", SUITE_BY_DHE, SIGNED | EXPORT },
    [DH_ANON] = { "DH_anon_WITH_", SUITE_BY_DHE, ANONYMOUS },
    [DH_ANON_EXPORT] = { "DH_anon_EXPORT_WITH_", SUITE_BY_DHE, ANONYMOUS | EXPORT },
    [ECDH_ECDSA] = { "ECDH_ECDSA_WITH_", SUITE_BY_FIXED_DH, ELLIPTIC },
    [ECDH_RSA] = { "ECDH_RSA_WITH_", SUITE_BY_FIXED_DH, ELLIPTIC },
    [ECDHE_ECDSA] = { "ECDHE_ECDSA_WITH_", SUITE_BY_ECDHE, SIGNED | ELLIPTIC },
    [ECDHE_RSA] = { "ECDHE_RSA_WITH_", SUITE_BY_ECDHE, SIGNED | ELLIPTIC },
    [ECDH_ANON] = { "ECDH_anon_WITH_", SUITE_BY_ECDHE, ANONYMOUS | ELLIPTIC },
    [KEY_SHARE] = { "", SUITE_BY_KEY_SHARE, ELLIPTIC },
};

/* The best last. */
enum cipher {
    NULL_,
    RC2_40,
    RC4_40,
    RC4_56,
    RC4_128,
    IDEA,
    DES40,
    DES,
    DES3,
    SEED,
    ARIA_128_CBC,
    ARIA_256_CBC,
    CAMELLIA_128_CBC,
    CAMELLIA_256_CBC,
    AES_128_CBC,
    AES_256_CBC,
    ARIA_128_GCM,
    ARIA_256_GCM,
    CAMELLIA_128_GCM,
    CAMELLIA_256_GCM,
    AES_128_CCM_8,
    AES_256_CCM_8,
    AES_128_CCM,
    AES_256_CCM,
    AES_128_GCM,
    CHACHA20,
    AES_256_GCM,
};

enum kind { PLAIN, SHORT, STREAM_RC4, SMALL_BLOCK, CBC, AEAD };

/* Bits of the key, and of the work to find it: three DES keys can be met in the middle. */
static const struct {
    const char *name, *label;
    enum kind kind;
    unsigned bits, strength;
} ciphers[] = {
    [NULL_] = { "NULL", "none", PLAIN, 0, 0 },
    [RC2_40] = { "RC2_CBC_40", "RC2", SHORT, 40, 40 },
    [RC4_40] = { "RC4_40", "RC4", SHORT, 40, 40 },
    [RC4_56] = { "RC4_56", "RC4", SHORT, 56, 56 },
    [RC4_128] = { "RC4_128", "RC4", STREAM_RC4, 128, 128 },
    [IDEA] = { "IDEA_CBC", "IDEA", SMALL_BLOCK, 128, 128 },
    [DES40] = { "DES40_CBC", "DES", SHORT, 40, 40 },
    [DES] = { "DES_CBC", "DES", SHORT, 56, 56 },
    [DES3] = { "3DES_EDE_CBC", "3DES", SMALL_BLOCK, 168, 112 },
    [SEED] = { "SEED_CBC", "SEED", CBC, 128, 128 },
    [ARIA_128_CBC] = { "ARIA_128_CBC", "ARIA", CBC, 128, 128 },
    [ARIA_256_CBC] = { "ARIA_256_CBC", "ARIA", CBC, 256, 256 },
    [CAMELLIA_128_CBC] = { "CAMELLIA_128_CBC", "Camellia", CBC, 128, 128 },
    [CAMELLIA_256_CBC] = { "CAMELLIA_256_CBC", "Camellia", CBC, 256, 256 },
    [AES_128_CBC] = { "AES_128_CBC", "AES", CBC, 128, 128 },
    [AES_256_CBC] = { "AES_256_CBC", "AES", CBC, 256, 256 },
    [ARIA_128_GCM] = { "ARIA_128_GCM", "ARIA", AEAD, 128, 128 },
    [ARIA_256_GCM] = { "ARIA_256_GCM", "ARIA", AEAD, 256, 256 },
    [CAMELLIA_128_GCM] = { "CAMELLIA_128_GCM", "Camellia", AEAD, 128, 128 },
    [CAMELLIA_256_GCM] = { "CAMELLIA_256_GCM", "Camellia", AEAD, 256, 256 },
    [AES_128_CCM_8] = { "AES_128_CCM_8", "AES", AEAD, 128, 128 },
    [AES_256_CCM_8] = { "AES_256_CCM_8", "AES", AEAD, 256, 256 },
    [AES_128_CCM] = { "AES_128_CCM", "AES", AEAD, 128, 128 },
    [AES_256_CCM] = { "AES_256_CCM", "AES", AEAD, 256, 256 },
    [AES_128_GCM] = { "AES_128_GCM", "AES", AEAD, 128, 128 },
    [CHACHA20] = { "CHACHA20_POLY1305", "ChaCha20", AEAD, 256, 256 },
    [AES_256_GCM] = { "AES_256_GCM", "AES", AEAD, 256, 256 },
};

enum mac { NONE, MD5, SHA, SHA256, SHA384 };

static const char *const macs[] = {
    [NONE] = "", [MD5] = "_MD5", [SHA] = "_SHA", [SHA256] = "_SHA256", [SHA384] = "_SHA384",
};

struct row {
    uint16_t id;
    uint8_t kx, cipher, mac;
};

/* By number, for bsearch(). */
/* clang-format off */
static const struct row rows[] = {
    { 0x0001, RSA, NULL_, MD5 }, { 0x0002, RSA, NULL_, SHA }, { 0x0003, RSA_EXPORT, RC4_40, MD5 },
    { 0x0004, RSA, RC4_128, MD5 }, { 0x0005, RSA, RC4_128, SHA }, { 0x0006, RSA_EXPORT, RC2_40, MD5 },
    { 0x0007, RSA, IDEA, SHA }, { 0x0008, RSA_EXPORT, DES40, SHA }, { 0x0009, RSA, DES, SHA },
    { 0x000a, RSA, DES3, SHA }, { 0x000b, DH_DSS_EXPORT, DES40, SHA }, { 0x000c, DH_DSS, DES, SHA },
    { 0x000d, DH_DSS, DES3, SHA }, { 0x000e, DH_RSA_EXPORT, DES40, SHA }, { 0x000f, DH_RSA, DES, SHA },
    { 0x0010, DH_RSA, DES3, SHA }, { 0x0011, DHE_DSS_EXPORT, DES40, SHA }, { 0x0012, DHE_DSS, DES, SHA },
    { 0x0013, DHE_DSS, DES3, SHA }, { 0x0014, DHE_RSA_EXPORT, DES40, SHA }, { 0x0015, DHE_RSA, DES, SHA },
    { 0x0016, DHE_RSA, DES3, SHA }, { 0x0017, DH_ANON_EXPORT, RC4_40, MD5 }, { 0x0018, DH_ANON, RC4_128, MD5 },
    { 0x0019, DH_ANON_EXPORT, DES40, SHA }, { 0x001a, DH_ANON, DES, SHA }, { 0x001b, DH_ANON, DES3, SHA },
    { 0x002f, RSA, AES_128_CBC, SHA }, { 0x0030, DH_DSS, AES_128_CBC, SHA }, { 0x0031, DH_RSA, AES_128_CBC, SHA },
    { 0x0032, DHE_DSS, AES_128_CBC, SHA }, { 0x0033, DHE_RSA, AES_128_CBC, SHA },
    { 0x0034, DH_ANON, AES_128_CBC, SHA }, { 0x0035, RSA, AES_256_CBC, SHA }, { 0x0036, DH_DSS, AES_256_CBC, SHA },
    { 0x0037, DH_RSA, AES_256_CBC, SHA }, { 0x0038, DHE_DSS, AES_256_CBC, SHA },
    { 0x0039, DHE_RSA, AES_256_CBC, SHA }, { 0x003a, DH_ANON, AES_256_CBC, SHA }, { 0x003b, RSA, NULL_, SHA256 },
    { 0x003c, RSA, AES_128_CBC, SHA256 }, { 0x003d, RSA, AES_256_CBC, SHA256 },
    { 0x003e, DH_DSS, AES_128_CBC, SHA256 }, { 0x003f, DH_RSA, AES_128_CBC, SHA256 },
    { 0x0040, DHE_DSS, AES_128_CBC, SHA256 }, { 0x0041, RSA, CAMELLIA_128_CBC, SHA },
    { 0x0042, DH_DSS, CAMELLIA_128_CBC, SHA }, { 0x0043, DH_RSA, CAMELLIA_128_CBC, SHA },
    { 0x0044, DHE_DSS, CAMELLIA_128_CBC, SHA }, { 0x0045, DHE_RSA, CAMELLIA_128_CBC, SHA },
    { 0x0046, DH_ANON, CAMELLIA_128_CBC, SHA }, { 0x0062, RSA_EXPORT1024, DES, SHA },
    { 0x0063, DHE_DSS_EXPORT1024, DES, SHA }, { 0x0064, RSA_EXPORT1024, RC4_56, SHA },
    { 0x0065, DHE_DSS_EXPORT1024, RC4_56, SHA }, { 0x0066, DHE_DSS, RC4_128, SHA },
    { 0x0067, DHE_RSA, AES_128_CBC, SHA256 }, { 0x0068, DH_DSS, AES_256_CBC, SHA256 },
    { 0x0069, DH_RSA, AES_256_CBC, SHA256 }, { 0x006a, DHE_DSS, AES_256_CBC, SHA256 },
    { 0x006b, DHE_RSA, AES_256_CBC, SHA256 }, { 0x006c, DH_ANON, AES_128_CBC, SHA256 },
    { 0x006d, DH_ANON, AES_256_CBC, SHA256 }, { 0x0084, RSA, CAMELLIA_256_CBC, SHA },
    { 0x0085, DH_DSS, CAMELLIA_256_CBC, SHA }, { 0x0086, DH_RSA, CAMELLIA_256_CBC, SHA },
    { 0x0087, DHE_DSS, CAMELLIA_256_CBC, SHA }, { 0x0088, DHE_RSA, CAMELLIA_256_CBC, SHA },
    { 0x0089, DH_ANON, CAMELLIA_256_CBC, SHA }, { 0x0096, RSA, SEED, SHA }, { 0x0097, DH_DSS, SEED, SHA },
    { 0x0098, DH_RSA, SEED, SHA }, { 0x0099, DHE_DSS, SEED, SHA }, { 0x009a, DHE_RSA, SEED, SHA },
    { 0x009b, DH_ANON, SEED, SHA }, { 0x009c, RSA, AES_128_GCM, SHA256 }, { 0x009d, RSA, AES_256_GCM, SHA384 },
    { 0x009e, DHE_RSA, AES_128_GCM, SHA256 }, { 0x009f, DHE_RSA, AES_256_GCM, SHA384 },
    { 0x00a0, DH_RSA, AES_128_GCM, SHA256 }, { 0x00a1, DH_RSA, AES_256_GCM, SHA384 },
    { 0x00a2, DHE_DSS, AES_128_GCM, SHA256 }, { 0x00a3, DHE_DSS, AES_256_GCM, SHA384 },
    { 0x00a4, DH_DSS, AES_128_GCM, SHA256 }, { 0x00a5, DH_DSS, AES_256_GCM, SHA384 },
    { 0x00a6, DH_ANON, AES_128_GCM, SHA256 }, { 0x00a7, DH_ANON, AES_256_GCM, SHA384 },
    { 0x00ba, RSA, CAMELLIA_128_CBC, SHA256 }, { 0x00bb, DH_DSS, CAMELLIA_128_CBC, SHA256 },
    { 0x00bc, DH_RSA, CAMELLIA_128_CBC, SHA256 }, { 0x00bd, DHE_DSS, CAMELLIA_128_CBC, SHA256 },
    { 0x00be, DHE_RSA, CAMELLIA_128_CBC, SHA256 }, { 0x00bf, DH_ANON, CAMELLIA_128_CBC, SHA256 },
    { 0x00c0, RSA, CAMELLIA_256_CBC, SHA256 }, { 0x00c1, DH_DSS, CAMELLIA_256_CBC, SHA256 },
    { 0x00c2, DH_RSA, CAMELLIA_256_CBC, SHA256 }, { 0x00c3, DHE_DSS, CAMELLIA_256_CBC, SHA256 },
    { 0x00c4, DHE_RSA, CAMELLIA_256_CBC, SHA256 }, { 0x00c5, DH_ANON, CAMELLIA_256_CBC, SHA256 },
    { 0x1301, KEY_SHARE, AES_128_GCM, SHA256 }, { 0x1302, KEY_SHARE, AES_256_GCM, SHA384 },
    { 0x1303, KEY_SHARE, CHACHA20, SHA256 }, { 0x1304, KEY_SHARE, AES_128_CCM, SHA256 },
    { 0x1305, KEY_SHARE, AES_128_CCM_8, SHA256 }, { 0xc001, ECDH_ECDSA, NULL_, SHA },
    { 0xc002, ECDH_ECDSA, RC4_128, SHA }, { 0xc003, ECDH_ECDSA, DES3, SHA }, { 0xc004, ECDH_ECDSA, AES_128_CBC, SHA },
    { 0xc005, ECDH_ECDSA, AES_256_CBC, SHA }, { 0xc006, ECDHE_ECDSA, NULL_, SHA },
    { 0xc007, ECDHE_ECDSA, RC4_128, SHA }, { 0xc008, ECDHE_ECDSA, DES3, SHA },
    { 0xc009, ECDHE_ECDSA, AES_128_CBC, SHA }, { 0xc00a, ECDHE_ECDSA, AES_256_CBC, SHA },
    { 0xc00b, ECDH_RSA, NULL_, SHA }, { 0xc00c, ECDH_RSA, RC4_128, SHA }, { 0xc00d, ECDH_RSA, DES3, SHA },
    { 0xc00e, ECDH_RSA, AES_128_CBC, SHA }, { 0xc00f, ECDH_RSA, AES_256_CBC, SHA }, { 0xc010, ECDHE_RSA, NULL_, SHA },
    { 0xc011, ECDHE_RSA, RC4_128, SHA }, { 0xc012, ECDHE_RSA, DES3, SHA }, { 0xc013, ECDHE_RSA, AES_128_CBC, SHA },
    { 0xc014, ECDHE_RSA, AES_256_CBC, SHA }, { 0xc015, ECDH_ANON, NULL_, SHA }, { 0xc016, ECDH_ANON, RC4_128, SHA },
    { 0xc017, ECDH_ANON, DES3, SHA }, { 0xc018, ECDH_ANON, AES_128_CBC, SHA },
    { 0xc019, ECDH_ANON, AES_256_CBC, SHA }, { 0xc023, ECDHE_ECDSA, AES_128_CBC, SHA256 },
    { 0xc024, ECDHE_ECDSA, AES_256_CBC, SHA384 }, { 0xc025, ECDH_ECDSA, AES_128_CBC, SHA256 },
    { 0xc026, ECDH_ECDSA, AES_256_CBC, SHA384 }, { 0xc027, ECDHE_RSA, AES_128_CBC, SHA256 },
    { 0xc028, ECDHE_RSA, AES_256_CBC, SHA384 }, { 0xc029, ECDH_RSA, AES_128_CBC, SHA256 },
    { 0xc02a, ECDH_RSA, AES_256_CBC, SHA384 }, { 0xc02b, ECDHE_ECDSA, AES_128_GCM, SHA256 },
    { 0xc02c, ECDHE_ECDSA, AES_256_GCM, SHA384 }, { 0xc02d, ECDH_ECDSA, AES_128_GCM, SHA256 },
    { 0xc02e, ECDH_ECDSA, AES_256_GCM, SHA384 }, { 0xc02f, ECDHE_RSA, AES_128_GCM, SHA256 },
    { 0xc030, ECDHE_RSA, AES_256_GCM, SHA384 }, { 0xc031, ECDH_RSA, AES_128_GCM, SHA256 },
    { 0xc032, ECDH_RSA, AES_256_GCM, SHA384 }, { 0xc048, ECDHE_ECDSA, ARIA_128_CBC, SHA256 },
    { 0xc049, ECDHE_ECDSA, ARIA_256_CBC, SHA384 }, { 0xc04a, ECDH_ECDSA, ARIA_128_CBC, SHA256 },
    { 0xc04b, ECDH_ECDSA, ARIA_256_CBC, SHA384 }, { 0xc04c, ECDHE_RSA, ARIA_128_CBC, SHA256 },
    { 0xc04d, ECDHE_RSA, ARIA_256_CBC, SHA384 }, { 0xc04e, ECDH_RSA, ARIA_128_CBC, SHA256 },
    { 0xc04f, ECDH_RSA, ARIA_256_CBC, SHA384 }, { 0xc050, RSA, ARIA_128_GCM, SHA256 },
    { 0xc051, RSA, ARIA_256_GCM, SHA384 }, { 0xc052, DHE_RSA, ARIA_128_GCM, SHA256 },
    { 0xc053, DHE_RSA, ARIA_256_GCM, SHA384 }, { 0xc05c, ECDHE_ECDSA, ARIA_128_GCM, SHA256 },
    { 0xc05d, ECDHE_ECDSA, ARIA_256_GCM, SHA384 }, { 0xc05e, ECDH_ECDSA, ARIA_128_GCM, SHA256 },
    { 0xc05f, ECDH_ECDSA, ARIA_256_GCM, SHA384 }, { 0xc060, ECDHE_RSA, ARIA_128_GCM, SHA256 },
    { 0xc061, ECDHE_RSA, ARIA_256_GCM, SHA384 }, { 0xc062, ECDH_RSA, ARIA_128_GCM, SHA256 },
    { 0xc063, ECDH_RSA, ARIA_256_GCM, SHA384 }, { 0xc072, ECDHE_ECDSA, CAMELLIA_128_CBC, SHA256 },
    { 0xc073, ECDHE_ECDSA, CAMELLIA_256_CBC, SHA384 }, { 0xc074, ECDH_ECDSA, CAMELLIA_128_CBC, SHA256 },
    { 0xc075, ECDH_ECDSA, CAMELLIA_256_CBC, SHA384 }, { 0xc076, ECDHE_RSA, CAMELLIA_128_CBC, SHA256 },
    { 0xc077, ECDHE_RSA, CAMELLIA_256_CBC, SHA384 }, { 0xc078, ECDH_RSA, CAMELLIA_128_CBC, SHA256 },
    { 0xc079, ECDH_RSA, CAMELLIA_256_CBC, SHA384 }, { 0xc07a, RSA, CAMELLIA_128_GCM, SHA256 },
    { 0xc07b, RSA, CAMELLIA_256_GCM, SHA384 }, { 0xc07c, DHE_RSA, CAMELLIA_128_GCM, SHA256 },
    { 0xc07d, DHE_RSA, CAMELLIA_256_GCM, SHA384 }, { 0xc086, ECDHE_ECDSA, CAMELLIA_128_GCM, SHA256 },
    { 0xc087, ECDHE_ECDSA, CAMELLIA_256_GCM, SHA384 }, { 0xc088, ECDH_ECDSA, CAMELLIA_128_GCM, SHA256 },
    { 0xc089, ECDH_ECDSA, CAMELLIA_256_GCM, SHA384 }, { 0xc08a, ECDHE_RSA, CAMELLIA_128_GCM, SHA256 },
    { 0xc08b, ECDHE_RSA, CAMELLIA_256_GCM, SHA384 }, { 0xc08c, ECDH_RSA, CAMELLIA_128_GCM, SHA256 },
    { 0xc08d, ECDH_RSA, CAMELLIA_256_GCM, SHA384 }, { 0xc09c, RSA, AES_128_CCM, NONE },
    { 0xc09d, RSA, AES_256_CCM, NONE }, { 0xc09e, DHE_RSA, AES_128_CCM, NONE },
    { 0xc09f, DHE_RSA, AES_256_CCM, NONE }, { 0xc0a0, RSA, AES_128_CCM_8, NONE },
    { 0xc0a1, RSA, AES_256_CCM_8, NONE }, { 0xc0a2, DHE_RSA, AES_128_CCM_8, NONE },
    { 0xc0a3, DHE_RSA, AES_256_CCM_8, NONE }, { 0xc0ac, ECDHE_ECDSA, AES_128_CCM, NONE },
    { 0xc0ad, ECDHE_ECDSA, AES_256_CCM, NONE }, { 0xc0ae, ECDHE_ECDSA, AES_128_CCM_8, NONE },
    { 0xc0af, ECDHE_ECDSA, AES_256_CCM_8, NONE }, { 0xcca8, ECDHE_RSA, CHACHA20, SHA256 },
    { 0xcca9, ECDHE_ECDSA, CHACHA20, SHA256 }, { 0xccaa, DHE_RSA, CHACHA20, SHA256 },
};
/* clang-format on */

_Static_assert(COUNT_OF(rows) <= SUITE_MOST, "a list of suites holds them all");

static const struct {
    const char *name, *text;
} classes[] = {
    [SUITE_NULL] = { "null", "no encryption (NULL)" },
    [SUITE_EXPORT] = { "export", "export grade (40 or 56 bits)" },
    [SUITE_DES] = { "des", "single DES (56 bits)" },
    [SUITE_ANONYMOUS] = { "anonymous", "anonymous key exchange" },
    [SUITE_RC4] = { "rc4", "RC4 (128 bits)" },
    [SUITE_3DES] = { "3des", "3DES (112/168 bits)" },
    [SUITE_STATIC] = { "static", "RSA or fixed DH key exchange" },
    [SUITE_DHE] = { "dhe", "DHE" },
    [SUITE_ECDHE_CBC] = { "ecdhe-cbc", "ECDHE with CBC" },
    [SUITE_ECDHE_AEAD] = { "ecdhe-aead", "ECDHE with AEAD" },
    [SUITE_TLS1_3] = { "tls1.3", "TLS 1.3" },
};

const char *suite_class_name(enum suite_class c)
{
    return classes[c].name;
}

const char *suite_class_text(enum suite_class c)
{
    return classes[c].text;
}

const char *wire_version_name(uint16_t version)
{
    static const char *const names[] = { "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" };

    if (version == WIRE_SSL2)
        return "SSLv2";
    return version >= WIRE_SSL3 && version <= WIRE_TLS1_3 ? names[version - WIRE_SSL3] : NULL;
}

static int compare_rows(const void *a, const void *b)
{
    return (int)((const struct row *)a)->id - (int)((const struct row *)b)->id;
}

static const struct row *find_row(uint16_t id)
{
    const struct row key = { .id = id };

    return bsearch(&key, rows, COUNT_OF(rows), sizeof rows[0], compare_rows);
}

static enum suite_class class_by_exchange(const struct row *r)
{
    switch (exchanges[r->kx].exchange) {
    case SUITE_BY_DHE: return SUITE_DHE;
    case SUITE_BY_ECDHE: return ciphers[r->cipher].kind == AEAD ? SUITE_ECDHE_AEAD : SUITE_ECDHE_CBC;
    case SUITE_BY_KEY_SHARE: return SUITE_TLS1_3;
    default: return SUITE_STATIC;
    }
}

static enum suite_class class_of(const struct row *r)
{
    enum kind kind = ciphers[r->cipher].kind;
    unsigned traits = exchanges[r->kx].traits;

    if (kind == PLAIN)
        return SUITE_NULL;
    if (traits & EXPORT)
        return SUITE_EXPORT;
    if (kind == SHORT)
        return SUITE_DES;
    if (traits & ANONYMOUS)
        return SUITE_ANONYMOUS;
    if (kind == STREAM_RC4)
        return SUITE_RC4;
    return kind == SMALL_BLOCK ? SUITE_3DES : class_by_exchange(r);
}

/* AEAD and the newer MACs came with TLS 1.2 (RFC 5246), curves with TLS 1.0 (RFC 8422 section 4). */
static uint16_t since_of(const struct row *r)
{
    if (r->kx == KEY_SHARE)
        return WIRE_TLS1_3;
    if (ciphers[r->cipher].kind == AEAD || r->mac >= SHA256)
        return WIRE_TLS1_2;
    return exchanges[r->kx].traits & ELLIPTIC ? WIRE_TLS1_0 : WIRE_SSL3;
}

bool suite_find(uint16_t id, struct suite *out)
{
    const struct row *r = find_row(id);

    if (r == NULL)
        return false;
    *out = (struct suite){
        .id = id,
        .class = class_of(r),
        .exchange = exchanges[r->kx].exchange,
        .is_signed = (exchanges[r->kx].traits & SIGNED) != 0,
        .is_elliptic = (exchanges[r->kx].traits & ELLIPTIC) != 0,
        .since = since_of(r),
        .cipher = ciphers[r->cipher].label,
        .bits = ciphers[r->cipher].bits,
        .strength = ciphers[r->cipher].strength,
    };
    return true;
}

const char *suite_name(uint16_t id, char out[static SUITE_NAME])
{
    const struct row *r = find_row(id);

    if (r == NULL)
        (void)snprintf(out, SUITE_NAME, "0x%04x", id);
    else
        (void)snprintf(out, SUITE_NAME, "TLS_%s%s%s", exchanges[r->kx].name, ciphers[r->cipher].name, macs[r->mac]);
    return out;
}

/* The class counts most; then the cipher, in the order of its table; then the newer key exchange. */
static unsigned rank(const struct row *r)
{
    return (unsigned)class_of(r) << 16 | (unsigned)r->cipher << 8 | r->kx;
}

static int compare_ranks(const void *a, const void *b)
{
    unsigned x = rank(a), y = rank(b);

    return x < y ? 1 : -(x > y);
}

static int compare_ranks_weakest_class_first(const void *a, const void *b)
{
    int by_class = (int)class_of(a) - (int)class_of(b);

    return by_class != 0 ? by_class : compare_ranks(a, b);
}

/* TLS 1.3 shares no suite with what was before (RFC 8446 appendix B.4). */
static bool can_use(const struct row *r, uint16_t version)
{
    return version == WIRE_TLS1_3 ? r->kx == KEY_SHARE : since_of(r) <= version;
}

size_t suite_list(unsigned wanted, uint16_t version, bool weakest_first, uint16_t out[static SUITE_MOST])
{
    struct row found[COUNT_OF(rows)] = { { 0 } };
    size_t len = 0;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if ((wanted & 1U << class_of(&rows[i])) && can_use(&rows[i], version))
            found[len++] = rows[i];
    qsort(found, len, sizeof found[0], weakest_first ? compare_ranks_weakest_class_first : compare_ranks);
    for (size_t i = 0; i < len; i++)
        out[i] = found[i].id;
    return len;
}
