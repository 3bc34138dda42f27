#include "rooms/vault/signing.h"

#include "base/must.h"

static void sign_in_lanes(struct signing *const *signings, size_t count)
{
	struct rsa_lane_job jobs[RSA_LANE_JOBS_MOST];
	for (size_t i = 0; i < count; i++)
		jobs[i] = (struct rsa_lane_job){
			.key = signings[i]->key->lanes,
			.digest = signings[i]->digest,
			.signature = signings[i]->signature,
		};
	rsa_lanes_sign(jobs, count);
	for (size_t i = 0; i < count; i++) {
		signings[i]->length = RSA_LANE_BYTES;
		signings[i]->good = jobs[i].good;
		signings[i]->was_wrong = !jobs[i].good;
	}
}

/* By OpenSSL what lanes cannot do, or did wrongly. */
static void sign_what_is_left(struct signing *signing)
{
	if (!signing->good)
		signing->good = private_key_sign(signing->key->private_key, signing->key->algorithm, signing->digest,
		                                 signing->signature, &signing->length);
}

void signing_run_together(void *const *arguments, size_t count)
{
	struct signing *in_lanes[RSA_LANE_JOBS_MOST];
	size_t lane_count = 0;
	must(count <= RSA_LANE_JOBS_MOST);
	for (size_t i = 0; i < count; i++) {
		struct signing *signing = arguments[i];
		if (signing->key->lanes != NULL)
			in_lanes[lane_count++] = signing;
	}
	if (lane_count > 0)
		sign_in_lanes(in_lanes, lane_count);
	for (size_t i = 0; i < count; i++)
		sign_what_is_left(arguments[i]);
}

void signing_run(void *argument)
{
	signing_run_together(&argument, 1);
}
