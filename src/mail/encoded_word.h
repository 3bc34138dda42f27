/* Encoded words (RFC 2047), as far as they may hide something from whoever reads a field undecoded.
 * Promises: linear; takes for an encoded word whatever some reader might.
 * Does not know: charsets, or what a word says to people. */
#ifndef MAIL_ENCODED_WORD_H
#define MAIL_ENCODED_WORD_H

#include "base/view.h"

/* "=?" charset "?" something "?": a reader may be content with less than the end. */
bool encoded_word_begins(struct view text);
/* Whether a word in it says < or >, NUL, a line end or another control character: readers that decode before they
 * parse would see other addresses. */
bool encoded_words_hide(struct view text);

#endif
