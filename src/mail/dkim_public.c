#include "mail/dkim_public.h"

#include "base/bytes.h"
#include "base/map.h"
#include "base/must.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>

static EVP_PKEY *key_open(const struct dkim_key *key)
{
	const unsigned char *bytes = (const unsigned char *)key->key.data;
	if (key->algorithm == DKIM_ED25519_SHA256)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, key->key.length);
	EVP_PKEY *opened = d2i_PUBKEY(NULL, &bytes, (long)key->key.length);
	/* RFC 6376 3.6.1 asks for the bare key, its errata and everybody publish the SubjectPublicKeyInfo. */
	bytes = (const unsigned char *)key->key.data;
	return opened != NULL ? opened : d2i_PublicKey(EVP_PKEY_RSA, NULL, &bytes, (long)key->key.length);
}

static void public_free(struct dkim_public *parsed)
{
	if (parsed == NULL)
		return;
	EVP_PKEY_CTX_free(parsed->verifying);
	EVP_PKEY_free(parsed->key);
	free(parsed);
}

struct dkim_keys {
	struct map by_bytes; /* algorithm, key -> struct dkim_public */
};

struct dkim_keys *dkim_keys_new(uint64_t seed)
{
	struct dkim_keys *keys = must_alloc(1, sizeof(*keys));
	keys->by_bytes = (struct map)MAP_LIMIT(DKIM_PUBLIC_MOST, seed);
	return keys;
}

static void keys_forget(struct dkim_keys *keys)
{
	size_t position = 0;
	struct view name;
	void *value;
	while (map_walk(&keys->by_bytes, &position, &name, &value)) {
		map_remove(&keys->by_bytes, name);
		public_free(value);
	}
}

void dkim_keys_free(struct dkim_keys *keys)
{
	if (keys == NULL)
		return;
	keys_forget(keys);
	map_deinit(&keys->by_bytes);
	free(keys);
}

static struct view key_name(const struct dkim_key *key, struct arena *arena)
{
	char *name = arena_alloc(arena, key->key.length + 1, 1);
	name[0] = (char)key->algorithm;
	bytes_copy(name + 1, key->key.length, key->key);
	return view_bytes(name, key->key.length + 1);
}

static struct dkim_public *public_parse(const struct dkim_key *key)
{
	EVP_PKEY *opened = key_open(key);
	const bool right =
		opened != NULL &&
		EVP_PKEY_get_base_id(opened) == (key->algorithm == DKIM_ED25519_SHA256 ? EVP_PKEY_ED25519 : EVP_PKEY_RSA);
	if (!right) {
		EVP_PKEY_free(opened);
		return NULL;
	}
	struct dkim_public *parsed = must_alloc(1, sizeof(*parsed));
	parsed->key = opened;
	return parsed;
}

struct dkim_public *dkim_public_take(struct dkim_keys *keys, const struct dkim_key *key, struct arena *arena)
{
	if (keys == NULL)
		return public_parse(key);
	const struct view name = key_name(key, arena);
	struct dkim_public *parsed = map_get(&keys->by_bytes, name);
	if (parsed != NULL)
		return parsed;
	parsed = public_parse(key);
	if (parsed == NULL)
		return NULL;
	if (keys->by_bytes.count >= DKIM_PUBLIC_MOST)
		keys_forget(keys);
	map_put(&keys->by_bytes, name, parsed, NULL);
	return parsed;
}

void dkim_public_let_go(const struct dkim_keys *keys, struct dkim_public *parsed)
{
	if (keys == NULL)
		public_free(parsed);
}

bool dkim_public_begin_rsa(struct dkim_public *parsed)
{
	if (parsed->verifying != NULL)
		return true;
	parsed->verifying = EVP_PKEY_CTX_new(parsed->key, NULL);
	must(parsed->verifying != NULL);
	return EVP_PKEY_verify_init(parsed->verifying) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(parsed->verifying, RSA_PKCS1_PADDING) == 1;
}
