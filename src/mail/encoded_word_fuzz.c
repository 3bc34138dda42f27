#include "mail/encoded_word.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What hides something is an encoded word to begin with, and more text before it does not help it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view text = view_bytes(data, size);
	const size_t half = size / 2;
	must(!encoded_words_hide(text) || encoded_word_begins(text));
	/* A word that ends within the first half says the same without the second. */
	if (view_ends(view_first(text, half), VIEW("?=")) && encoded_words_hide(view_first(text, half)))
		must(encoded_words_hide(text));
	return 0;
}
