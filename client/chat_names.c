#include "client/chat_names.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

static bool
has(const struct chat_names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->names[i], name) == 0)
			return true;
	return false;
}

void
chat_names_add(struct chat_names *n, struct slice name)
{
	char *clean;

	if (n->count == CHAT_NAMES_MAX)
		return;
	clean = text_clean(name);
	/* One that had to be cleaned would not be that name any more. */
	if (!slice_is(name, clean) || has(n, clean)) {
		free(clean);
		return;
	}
	n->names = reallocarray(n->names, n->count + 1, sizeof(*n->names));
	if (n->names == NULL)
		abort();
	n->names[n->count++] = clean;
}

void
chat_names_offer(const struct chat_names *n, struct prompt_offers *o)
{
	for (size_t i = 0; i < n->count; i++)
		prompt_offer(o, slice_of(n->names[i]));
}

void
chat_names_clear(struct chat_names *n)
{
	while (n->count > 0)
		free(n->names[--n->count]);
	free(n->names);
	n->names = NULL;
}
