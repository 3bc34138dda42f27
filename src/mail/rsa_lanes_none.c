/* Of machines of another kind: their keys have no lanes, so nobody signs with them. */
#include "mail/rsa_lanes.h"

#include "base/must.h"

struct rsa_lane_key *rsa_lane_key_new(const EVP_PKEY *key)
{
	(void)key;
	return NULL;
}

void rsa_lane_key_free(struct rsa_lane_key *key)
{
	must(key == NULL);
}

void rsa_lanes_sign(struct rsa_lane_job *jobs, size_t count)
{
	(void)count;
	must(jobs == NULL);
}
