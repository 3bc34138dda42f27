/* Functions that this program does without, because each has ended in a hole somewhere.
 * Promises: using one is a compile error in every file (it is included by the build, before all else).
 * Knows nothing of memory that base/ handles for the rest: files there define BASE_RAW_MEMORY. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef alloca
/* Macros where clang compiles with _FORTIFY_SOURCE. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok strtok_r atoi atol atoll gets alloca
/* Macros, so that a library's header that needs them can be included between push_macro and pop_macro. */
#ifndef BASE_RAW_MEMORY
#define memcpy  memcpy_is_for_base_alone_use_bytes_copy
#define memmove memmove_is_for_base_alone_use_bytes_move
#endif

#endif
