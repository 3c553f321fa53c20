#include "proto/err.h"

#include <assert.h>

static const struct {
	const char *word;
	const char *text;
	bool safe_to_retry;
	int exit_status;
} table[ERR_COUNT] = {
#define X(name, word, text, retry, status) \
	[name] = { word, text, retry, status },
	ERR_TABLE(X)
#undef X
};

const char *
err_word(enum err e)
{
	assert(e < ERR_COUNT);
	return table[e].word;
}

const char *
err_text(enum err e)
{
	assert(e < ERR_COUNT);
	return table[e].text;
}

bool
err_safe_to_retry(enum err e)
{
	assert(e < ERR_COUNT);
	return table[e].safe_to_retry;
}

int
err_exit_status(enum err e)
{
	assert(e < ERR_COUNT);
	return table[e].exit_status;
}

enum err
err_from_word(struct slice word)
{
	for (unsigned e = 0; e < ERR_COUNT; e++)
		if (slice_is(word, table[e].word))
			return (enum err)e;
	return E_MALFORMED;
}
