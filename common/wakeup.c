#include "common/wakeup.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>
#endif

bool
wakeup_init(struct wakeup *w)
{
#ifdef __linux__
	w->hear = w->tell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->hear >= 0;
#else
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	w->hear = ends[0];
	w->tell = ends[1];
	return true;
#endif
}

void
wakeup_release(struct wakeup *w)
{
	close(w->hear);
	if (w->tell != w->hear)
		close(w->tell);
}

int
wakeup_fd(const struct wakeup *w)
{
	return w->hear;
}

void
wakeup_tell(struct wakeup *w)
{
	static const uint64_t one = 1;

	/* It fails only when it is readable already. */
	(void)!write(w->tell, &one, sizeof(one));
}

void
wakeup_hear(struct wakeup *w)
{
	uint64_t many[64];

	(void)!read(w->hear, many, sizeof(many));
}
