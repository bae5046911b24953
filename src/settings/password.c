#include "settings/password.h"

#include "base/utf8.h"

#include <gsasl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

enum { ITERATIONS = 10000, SALT = 16, PASSES = 2, MEMORY = 19 * 1024 * 1024 };

/* Well-formed, of no known password and with the parameters above: an unknown user costs the same work. */
static const char unknown_user_hash[crypto_pwhash_STRBYTES] =
    "$argon2id$v=19$m=19456,t=2,p=1$c3Rlcm5wb3N0LW5vYm9keQ$k1n7ViaQn6f9Wb2TqF0hBFJbZqGvYkI3nTn2E2q0b5M";

static enum status check_form(struct slice password, struct fault *why)
{
    if (password.len < PASSWORD_MIN)
        return fault_set(why, ERR_SYNTAX, "the password is shorter than %d bytes; take a longer one", PASSWORD_MIN);
    if (password.len > PASSWORD_MAX)
        return fault_set(why, ERR_SYNTAX, "the password is longer than %d bytes", PASSWORD_MAX);
    if (!utf8_is_valid(password) || slice_find(password, '\0') != SIZE_MAX)
        return fault_set(why, ERR_SYNTAX, "the password is not text; write it in UTF-8, without a NUL");
    return OK;
}

enum status password_hash(struct slice password, struct arena *arena, struct slice *out, struct fault *why)
{
    char hash[crypto_pwhash_STRBYTES];
    enum status st = check_form(password, why);

    if (st != OK)
        return st;
    if (sodium_init() < 0 ||
        crypto_pwhash_str_alg(hash, password.ptr, password.len, PASSES, MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return fault_set(why, ERR_TEMPORARY, "there is not enough memory to hash a password (%d MiB)",
                         MEMORY / 1024 / 1024);
    *out = arena_copy(arena, slice_str(hash));
    return OK;
}

bool password_is_right(struct slice password, struct slice hash)
{
    char text[crypto_pwhash_STRBYTES];
    bool is_known = hash.len > 0 && slice_to_cstr(hash, text, sizeof text);
    int rc;

    if (sodium_init() < 0 || password.len > PASSWORD_MAX)
        return false;
    rc = crypto_pwhash_str_verify(is_known ? text : unknown_user_hash, password.ptr, password.len);
    return is_known && rc == 0;
}

static struct slice base64(const void *bytes, size_t len, struct arena *arena)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, size);

    sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return slice_str(text);
}

/* The password as the client will use it (RFC 4013), NUL-terminated; free with gsasl_free(). NULL: refused. */
static char *prepared(struct slice password)
{
    char text[PASSWORD_MAX + 1], *out = NULL;

    if (!slice_to_cstr(password, text, sizeof text) || gsasl_saslprep(text, 0, &out, NULL) != GSASL_OK)
        out = NULL;
    sodium_memzero(text, sizeof text);
    return out;
}

enum status password_scram(struct slice password, struct arena *arena, struct slice *out, struct fault *why)
{
    char salt[SALT], salted[GSASL_HASH_SHA256_SIZE], client[GSASL_HASH_SHA256_SIZE];
    char server[GSASL_HASH_SHA256_SIZE], stored[GSASL_HASH_SHA256_SIZE], *text;
    enum status st = check_form(password, why);
    int rc;

    if (st != OK)
        return st;
    text = prepared(password);
    if (text == NULL)
        return fault_set(why, ERR_SYNTAX,
                         "the password has characters that cannot be typed everywhere (RFC 4013); "
                         "take others");
    if (sodium_init() < 0) {
        gsasl_free(text);
        return fault_set(why, ERR_TEMPORARY, "there is no randomness for a salt");
    }
    randombytes_buf(salt, sizeof salt);
    rc = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, text, ITERATIONS, salt, sizeof salt, salted, client,
                                           server, stored);
    gsasl_free(text);
    if (rc != GSASL_OK)
        return fault_set(why, ERR_TEMPORARY, "cannot make SCRAM keys: %s", gsasl_strerror(rc));
    *out =
        arena_printf(arena, "%d,%.*s,%.*s,%.*s", ITERATIONS, SLICE_FMT(base64(salt, sizeof salt, arena)),
                     SLICE_FMT(base64(stored, sizeof stored, arena)), SLICE_FMT(base64(server, sizeof server, arena)));
    sodium_memzero(salted, sizeof salted);
    sodium_memzero(client, sizeof client);
    return OK;
}

/* -- of nobody ------------------------------------------------------------------------------------------------ */

static unsigned char secret[crypto_generichash_KEYBYTES]; /* of this process */

static void make_secret(void)
{
    if (sodium_init() < 0)
        abort();
    randombytes_buf(secret, sizeof secret);
}

struct slice password_scram_of_nobody(struct slice name, struct arena *arena)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned char made[crypto_generichash_BYTES_MAX];
    const unsigned char *stored = made + SALT, *server = made + sizeof made - GSASL_HASH_SHA256_SIZE;

    (void)pthread_once(&once, make_secret);
    (void)crypto_generichash(made, sizeof made, (const unsigned char *)name.ptr, name.len, secret, sizeof secret);
    return arena_printf(arena, "%d,%.*s,%.*s,%.*s", ITERATIONS, SLICE_FMT(base64(made, SALT, arena)),
                        SLICE_FMT(base64(stored, GSASL_HASH_SHA256_SIZE, arena)),
                        SLICE_FMT(base64(server, GSASL_HASH_SHA256_SIZE, arena)));
}
