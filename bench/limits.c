/* limits: what this machine can do at best, each in microseconds: the units of the bench, as JSON.
 *
 *   limits DIRECTORY
 *
 * signature: RSA-2048, CPU. own: the same by mail/rsa_lanes.h; of_four: a quarter of four that it makes together.
 * hash: SHA-256 of 10 KB, CPU. handshake: TLS 1.3 with P-256 at the server, CPU. flush: a 10 KB write and fdatasync
 * into blocks that were written before, in DIRECTORY. round_trip: a question and its answer over a socket pair
 * between two processes that sleep meanwhile, each on a core of its own that sleeps as well; on_one_core: both on the
 * core of who asks. */
#include "base/must.h"
#include "mail/rsa_lanes.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock)
{
	struct timespec now;
	must(clock_gettime(clock, &now) == 0);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double signature(void)
{
	enum { ROUNDS = 2000 };
	EVP_PKEY *key = EVP_RSA_gen(2048);
	must(key != NULL);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	unsigned char digest[32] = { 1 };
	unsigned char made[256];
	must(context != NULL && EVP_PKEY_sign_init(context) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	     EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1);
	double began = 0;
	/* A tenth first, so that the core is awake. */
	for (int i = -ROUNDS / 10; i < ROUNDS; i++) {
		size_t length = sizeof(made);
		if (i == 0)
			began = seconds(CLOCK_PROCESS_CPUTIME_ID);
		must(EVP_PKEY_sign(context, made, &length, digest, sizeof(digest)) == 1);
	}
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	return (seconds(CLOCK_PROCESS_CPUTIME_ID) - began) * 1e6 / ROUNDS;
}

/* Each of so many; 0 where the machine has no lanes. */
static double in_lanes(size_t count)
{
	enum { ROUNDS = 1000 };
	static const uint8_t digest[32] = { 1 };
	uint8_t made[RSA_LANE_JOBS_MOST][RSA_LANE_BYTES];
	struct rsa_lane_job jobs[RSA_LANE_JOBS_MOST];
	EVP_PKEY *key = EVP_RSA_gen(2048);
	must(key != NULL);
	struct rsa_lane_key *lanes = rsa_lane_key_new(key);
	EVP_PKEY_free(key);
	if (lanes == NULL)
		return 0;
	for (size_t i = 0; i < count; i++)
		jobs[i] = (struct rsa_lane_job){ .key = lanes, .digest = digest, .signature = made[i] };
	const double began = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < ROUNDS; i++)
		rsa_lanes_sign(jobs, count);
	const double spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - began;
	rsa_lane_key_free(lanes);
	return spent * 1e6 / ROUNDS / (double)count;
}

static double hash(void)
{
	enum { ROUNDS = 2000 };
	static unsigned char message[10240];
	unsigned char digest[32];
	EVP_MD *sha = EVP_MD_fetch(NULL, "SHA256", NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	must(sha != NULL && context != NULL);
	const double began = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < ROUNDS; i++)
		must(EVP_DigestInit_ex(context, sha, NULL) == 1 && EVP_DigestUpdate(context, message, sizeof(message)) == 1 &&
		     EVP_DigestFinal_ex(context, digest, NULL) == 1);
	const double spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - began;
	EVP_MD_CTX_free(context);
	EVP_MD_free(sha);
	return spent * 1e6 / ROUNDS;
}

static SSL_CTX *server_context(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	must(key != NULL && certificate != NULL && context != NULL);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	must(X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0 &&
	     SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

/* Both ends in this process, in memory; the server's CPU alone is counted. */
static double shake_once(SSL_CTX *at_server, SSL_CTX *at_client)
{
	SSL *server = SSL_new(at_server);
	SSL *client = SSL_new(at_client);
	BIO *one = NULL;
	BIO *other = NULL;
	double spent = 0;
	must(server != NULL && client != NULL && BIO_new_bio_pair(&one, 65536, &other, 65536) == 1);
	SSL_set_bio(server, one, one);
	SSL_set_bio(client, other, other);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	while (!SSL_is_init_finished(server) || !SSL_is_init_finished(client)) {
		SSL_do_handshake(client);
		const double began = seconds(CLOCK_PROCESS_CPUTIME_ID);
		SSL_do_handshake(server);
		spent += seconds(CLOCK_PROCESS_CPUTIME_ID) - began;
	}
	SSL_free(server);
	SSL_free(client);
	return spent;
}

static double handshake(void)
{
	enum { ROUNDS = 300 };
	SSL_CTX *server = server_context();
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	double spent = 0;
	must(client != NULL);
	for (int i = 0; i < ROUNDS; i++)
		spent += shake_once(server, client);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	return spent * 1e6 / ROUNDS;
}

static int compare(const void *a, const void *b)
{
	const double left = *(const double *)a;
	const double right = *(const double *)b;
	return left < right ? -1 : left > right;
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2] * 1e6;
}

static double flush(const char *directory)
{
	enum { ROUNDS = 300, SIZE = 10240 };
	static const char block[SIZE] = { 'x' };
	double took[ROUNDS];
	char path[4096];
	snprintf(path, sizeof(path), "%s/limits.XXXXXX", directory);
	const int file = mkstemp(path);
	must(file >= 0 && unlink(path) == 0);
	for (int i = 0; i < ROUNDS; i++)
		must(write(file, block, SIZE) == SIZE);
	must(fdatasync(file) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		const double began = seconds(CLOCK_MONOTONIC);
		must(pwrite(file, block, SIZE, (off_t)i * SIZE) == SIZE && fdatasync(file) == 0);
		took[i] = seconds(CLOCK_MONOTONIC) - began;
	}
	close(file);
	return median(took, ROUNDS);
}

/* To the first or the last core that this process may use. */
static void stay_on(bool last)
{
	cpu_set_t allowed;
	cpu_set_t one;
	size_t core = CPU_SETSIZE;
	must(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
	for (size_t i = 0; i < CPU_SETSIZE && (core == CPU_SETSIZE || last); i++)
		core = CPU_ISSET(i, &allowed) ? i : core;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	must(sched_setaffinity(0, sizeof(one), &one) == 0);
}

static void answer(int socket, bool apart)
{
	char word[64];
	stay_on(apart);
	while (read(socket, word, sizeof(word)) > 0)
		must(write(socket, word, sizeof(word)) > 0);
	_exit(0);
}

/* apart: each on a core of its own, which sleeps as well; else both on one. */
static double round_trip(bool apart)
{
	enum { ROUNDS = 1000 };
	const struct timespec pause = { 0, 500000 }; /* both fall asleep */
	double took[ROUNDS];
	char word[64] = { 0 };
	int pair[2];
	cpu_set_t before;
	must(sched_getaffinity(0, sizeof(before), &before) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	const pid_t other = fork();
	must(other >= 0);
	if (other == 0) {
		close(pair[0]);
		answer(pair[1], apart);
	}
	close(pair[1]);
	stay_on(false);
	for (int i = 0; i < ROUNDS; i++) {
		nanosleep(&pause, NULL);
		const double began = seconds(CLOCK_MONOTONIC);
		must(write(pair[0], word, sizeof(word)) > 0 && read(pair[0], word, sizeof(word)) > 0);
		took[i] = seconds(CLOCK_MONOTONIC) - began;
	}
	close(pair[0]);
	waitpid(other, NULL, 0);
	must(sched_setaffinity(0, sizeof(before), &before) == 0);
	return median(took, ROUNDS);
}

int main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : ".";
	printf("{\"signature\":%.1f,\"own\":%.1f,\"of_four\":%.1f,\"hash\":%.1f,\"handshake\":%.1f,\"flush\":%.1f,"
	       "\"round_trip\":%.1f,\"on_one_core\":%.1f}\n",
	       signature(), in_lanes(1), in_lanes(RSA_LANE_JOBS_MOST), hash(), handshake(), flush(directory),
	       round_trip(true), round_trip(false));
	return 0;
}
