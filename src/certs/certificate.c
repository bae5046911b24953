#include "certs/certificate.h"

#include "base/utf8.h"
#include "net/address.h"
#include "net/tls_peer.h"
#include "net/tls_setup.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { NAMES_MAX = 4096, DAY_S = 86400, ESCAPE_BYTES = 4, USAGES_BYTES = 1000 };

struct slice certificate_escape(struct slice bytes, struct arena *arena)
{
    char *out = arena_alloc(arena, bytes.len * ESCAPE_BYTES + 1), *at = out;

    while (bytes.len > 0) {
        size_t n = utf8_printable_len(bytes);

        if (n == 0) {
            at += snprintf(at, ESCAPE_BYTES + 1, "\\x%02x", (unsigned char)bytes.ptr[0]);
            n = 1;
        } else {
            if (bytes.ptr[0] == '\\')
                *at++ = '\\';
            memcpy(at, bytes.ptr, n);
            at += n;
        }
        bytes = slice_from(bytes, n);
    }
    return slice_of(out, (size_t)(at - out));
}

/* The library has put backslashes already; what it lets through is made printable. */
static struct slice printable(struct slice text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len + 1);

    return utf8_printable(text, out, text.len);
}

static struct slice name_text(const X509_NAME *name, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    struct slice out;
    long len;

    tls_must(bio != NULL);
    (void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    len = BIO_get_mem_data(bio, &text);
    out = printable(slice_of(text, len > 0 ? (size_t)len : 0), arena);
    BIO_free(bio);
    return out;
}

static struct slice common_name(const X509_NAME *name, struct arena *arena)
{
    int at = -1, last = -1;
    unsigned char *text = NULL;
    struct slice out = SLICE_LIT("");
    int len;

    while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        last = at;
    if (last < 0)
        return out;
    len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    if (len > 0)
        out = certificate_escape(slice_of((const char *)text, (size_t)len), arena);
    OPENSSL_free(text);
    return out;
}

static struct slice bytes_of(const ASN1_STRING *s)
{
    return slice_of((const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static struct slice address_text(struct slice bytes, struct arena *arena)
{
    char text[NET_ADDRESS_TEXT];
    struct net_address a;

    if (net_address_of_bytes(bytes, 0, &a) != OK)
        return arena_printf(arena, "IP:%zu bytes", bytes.len);
    return arena_printf(arena, "IP:%s", net_address_ip(&a, text));
}

static void read_names(X509 *cert, struct arena *arena, struct certificate *out)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int len = all == NULL ? 0 : sk_GENERAL_NAME_num(all);
    struct slice *names;

    if (len > NAMES_MAX)
        len = NAMES_MAX;
    names = ARENA_ARRAY(arena, struct slice, (size_t)len);
    for (int i = 0; i < len; i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);

        if (n->type == GEN_DNS)
            names[out->names_len++] = certificate_escape(bytes_of(n->d.dNSName), arena);
        else if (n->type == GEN_IPADD)
            names[out->names_len++] = address_text(bytes_of(n->d.iPAddress), arena);
    }
    out->names = names;
    GENERAL_NAMES_free(all);
}

static void read_key(X509 *cert, struct arena *arena, struct certificate *out)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    char group[40] = "";
    const char *nist, *name;

    out->key = SLICE_LIT("unreadable");
    if (key == NULL)
        return;
    out->key_bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_get_id(key) == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1) {
        nist = EC_curve_nid2nist(OBJ_sn2nid(group));
        out->key = arena_printf(arena, "EC %s", nist != NULL ? nist : group);
        return;
    }
    name = EVP_PKEY_get_id(key) == EVP_PKEY_RSA ? "RSA" : OBJ_nid2sn(EVP_PKEY_get_id(key));
    out->key = arena_copy(arena, slice_str(name == NULL ? "unknown" : name));
}

static void read_signature(X509 *cert, struct arena *arena, struct certificate *out)
{
    static const int weak[] = { NID_sha1, NID_md5, NID_md4, NID_md5_sha1, NID_ripemd160 };
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;
    int digest = NID_undef, bits = 0;
    char text[80] = "";

    X509_get0_signature(NULL, &algorithm, cert);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    (void)OBJ_obj2txt(text, sizeof text, object, 0);
    out->signature = printable(slice_str(text), arena);
    if (X509_get_signature_info(cert, &digest, NULL, &bits, NULL) != 1)
        return;
    for (size_t i = 0; i < COUNT_OF(weak); i++)
        out->is_weakly_signed = out->is_weakly_signed || digest == weak[i];
}

static void put_hex(const unsigned char *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void read_digests(X509 *cert, struct certificate *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *spki = NULL;
    unsigned len = 0;
    int spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);

    tls_must(EVP_Digest(out->der.ptr, out->der.len, digest, &len, EVP_sha256(), NULL));
    put_hex(digest, len, out->sha256);
    tls_must(EVP_Digest(out->der.ptr, out->der.len, digest, &len, EVP_sha1(), NULL));
    put_hex(digest, len, out->sha1);
    if (spki_len > 0) {
        tls_must(EVP_Digest(spki, (size_t)spki_len, digest, &len, EVP_sha256(), NULL));
        put_hex(digest, len, out->spki);
    }
    OPENSSL_free(spki);
}

static struct slice serial_text(X509 *cert, struct arena *arena)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    struct slice bytes = bytes_of(serial);
    char *hex = arena_alloc(arena, 2 * bytes.len + 3);
    size_t sign = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? 1 : 0;

    hex[0] = '-';
    put_hex((const unsigned char *)bytes.ptr, bytes.len, hex + sign);
    return slice_of(hex, sign + 2 * bytes.len);
}

static struct slice usages_text(X509 *cert, struct arena *arena)
{
    EXTENDED_KEY_USAGE *all = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    struct slice out = SLICE_LIT("");

    for (int i = 0; all != NULL && i < sk_ASN1_OBJECT_num(all); i++) {
        const ASN1_OBJECT *usage = sk_ASN1_OBJECT_value(all, i);
        char number[80] = "";
        const char *name = OBJ_nid2sn(OBJ_obj2nid(usage));

        if (OBJ_obj2nid(usage) == NID_undef) {
            (void)OBJ_obj2txt(number, sizeof number, usage, 1);
            name = number;
        }
        out = arena_printf(arena, "%.*s%s%s", SLICE_FMT(out), out.len > 0 ? ", " : "", name);
        if (out.len > USAGES_BYTES)
            break;
    }
    EXTENDED_KEY_USAGE_free(all);
    return out;
}

static struct slice issuer_url(X509 *cert, struct arena *arena)
{
    AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    struct slice out = SLICE_LIT("");

    for (int i = 0; all != NULL && i < sk_ACCESS_DESCRIPTION_num(all) && out.len == 0; i++) {
        const ACCESS_DESCRIPTION *a = sk_ACCESS_DESCRIPTION_value(all, i);

        if (OBJ_obj2nid(a->method) == NID_ad_ca_issuers && a->location->type == GEN_URI)
            out = certificate_escape(bytes_of(a->location->d.uniformResourceIdentifier), arena);
    }
    AUTHORITY_INFO_ACCESS_free(all);
    return out;
}

static bool is_self_signed(X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);

    return key != NULL && X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0 &&
           X509_verify(cert, key) == 1;
}

void certificate_of(X509 *cert, struct arena *arena, struct certificate *out)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);

    tls_must(len > 0);
    *out = (struct certificate){ .der = arena_copy(arena, slice_of((const char *)der, (size_t)len)) };
    OPENSSL_free(der);
    out->subject = name_text(X509_get_subject_name(cert), arena);
    out->issuer = name_text(X509_get_issuer_name(cert), arena);
    out->common_name = common_name(X509_get_subject_name(cert), arena);
    read_names(cert, arena, out);
    out->serial = serial_text(cert, arena);
    out->not_before_s = tls_peer_time_s(X509_get0_notBefore(cert));
    out->not_after_s = tls_peer_time_s(X509_get0_notAfter(cert));
    read_key(cert, arena, out);
    read_signature(cert, arena, out);
    read_digests(cert, out);
    out->is_authority = X509_check_ca(cert) > 0;
    out->is_self_signed = is_self_signed(cert);
    out->usages = usages_text(cert, arena);
    out->issuer_url = issuer_url(cert, arena);
    ERR_clear_error();
}

enum status certificate_read(struct slice der, struct arena *arena, struct certificate *out, struct fault *why)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    char reason[160];
    X509 *cert;

    tls_setup();
    ERR_clear_error();
    cert = der.len > INT32_MAX ? NULL : d2i_X509(NULL, &at, (long)der.len);
    if (cert == NULL)
        return fault_set(why, ERR_SYNTAX, "this is not a certificate: %s", tls_error_text(reason, sizeof reason));
    if ((size_t)((const char *)at - der.ptr) != der.len) {
        X509_free(cert);
        return fault_set(why, ERR_SYNTAX, "%zu bytes stand behind the certificate",
                         der.len - (size_t)((const char *)at - der.ptr));
    }
    certificate_of(cert, arena, out);
    X509_free(cert);
    return OK;
}

int64_t certificate_days_left(const struct certificate *c, int64_t now_s)
{
    int64_t left = c->not_after_s - now_s;

    return left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S);
}
