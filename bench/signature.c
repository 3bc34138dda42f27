/* signature: what one RSA-2048 signature costs this core, in microseconds: the unit of the bench. */
#include "base/must.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <time.h>

static double cpu_seconds(void)
{
	struct timespec now;
	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(void)
{
	enum { ROUNDS = 2000 };
	EVP_PKEY *key = EVP_RSA_gen(2048);
	must(key != NULL);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	unsigned char digest[32] = { 1 };
	unsigned char signature[256];
	must(context != NULL && EVP_PKEY_sign_init(context) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	     EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1);
	double began = 0;
	/* A tenth first, so that the core is awake. */
	for (int i = -ROUNDS / 10; i < ROUNDS; i++) {
		size_t length = sizeof(signature);
		if (i == 0)
			began = cpu_seconds();
		must(EVP_PKEY_sign(context, signature, &length, digest, sizeof(digest)) == 1);
	}
	printf("%.1f\n", (cpu_seconds() - began) * 1e6 / ROUNDS);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	return 0;
}
