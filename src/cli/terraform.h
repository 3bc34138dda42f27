/* Records as resources of Terraform's dns provider (dns_txt_record_set, RFC 2136 updates).
 * Promises: one resource a name; values are quoted as HCL strings, where ${ and %{ are no templates.
 * Does not know: other providers, which name the same things otherwise. */
#ifndef CLI_TERRAFORM_H
#define CLI_TERRAFORM_H

#include "base/text.h"

#include <jansson.h>

/* The resource of the name of the record at index, unless an earlier record has that name. records: as `domain
 * records
 * --json` has them. */
void terraform_add_name(struct text *text, struct view zone, const json_t *records, size_t index);

#endif
