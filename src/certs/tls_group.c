#include "certs/tls_group.h"

/* The order is the order of an offer. */
static const struct tls_group groups[] = {
    { 4588, "X25519MLKEM768", 255, .is_hybrid = true },
    { 4587, "SecP256r1MLKEM768", 256, .is_hybrid = true },
    { 29, "X25519", 255 },
    { 23, "P-256", 256 },
    { 30, "X448", 448 },
    { 24, "P-384", 384 },
    { 25, "P-521", 521 },
    { 256, "ffdhe2048", 2048, .is_finite = true },
    { 257, "ffdhe3072", 3072, .is_finite = true },
    { 258, "ffdhe4096", 4096, .is_finite = true },
    { 259, "ffdhe6144", 6144, .is_finite = true },
    { 260, "ffdhe8192", 8192, .is_finite = true },
    { 26, "brainpoolP256r1", 256 },
    { 27, "brainpoolP384r1", 384 },
    { 28, "brainpoolP512r1", 512 },
    { 22, "secp256k1", 256 },
    { 21, "P-224", 224 },
    { 20, "secp224k1", 224 },
    { 19, "P-192", 192, .is_old = true },
    { 18, "secp192k1", 192, .is_old = true },
    { 14, "sect571r1", 571, .is_old = true },
    { 13, "sect571k1", 571, .is_old = true },
    { 12, "sect409r1", 409, .is_old = true },
    { 11, "sect409k1", 409, .is_old = true },
    { 10, "sect283r1", 283, .is_old = true },
    { 9, "sect283k1", 283, .is_old = true },
    { 8, "sect239k1", 239, .is_old = true },
    { 7, "sect233r1", 233, .is_old = true },
    { 6, "sect233k1", 233, .is_old = true },
    { 3, "sect163r2", 163, .is_old = true },
    { 1, "sect163k1", 163, .is_old = true },
    { 17, "secp160r2", 160, .is_old = true },
    { 16, "secp160r1", 160, .is_old = true },
};

_Static_assert(COUNT_OF(groups) <= TLS_GROUP_MOST, "a list of groups holds them all");

const struct tls_group *tls_group_find(uint16_t id)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        if (groups[i].id == id)
            return &groups[i];
    return NULL;
}

size_t tls_group_list(uint16_t version, uint16_t out[static TLS_GROUP_MOST])
{
    size_t len = 0;

    for (size_t i = 0; i < COUNT_OF(groups); i++)
        if (version == WIRE_TLS1_3 || !(groups[i].is_finite || groups[i].is_hybrid))
            out[len++] = groups[i].id;
    return len;
}
