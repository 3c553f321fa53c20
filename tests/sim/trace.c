#include "tests/sim/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/runtime.h" /* a mailbox, looked at from outside */

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static const struct sim *sim;
static bool printing;
static uint64_t hash;
static void (*watching_ends)(const struct proc *p);

uint32_t __real_proc_run(struct proc *p);
uint32_t __wrap_proc_run(struct proc *p);

static void
mix_number(uint64_t n)
{
	hash = (hash ^ n) * FNV_PRIME;
	hash ^= hash >> 32;
}

/* FNV-1a in steps of eight bytes. */
static void
mix(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint64_t word;

	mix_number(len);
	for (; len > 0; b += sizeof(word)) {
		size_t n = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, b, n);
		mix_number(word);
		len -= n;
	}
}

void
trace_begin(const struct sim *simulation, bool print)
{
	sim = simulation;
	printing = print;
	hash = FNV_BASIS;
}

void
trace_watch_ends(void (*ends)(const struct proc *p))
{
	watching_ends = ends;
}

uint64_t
trace_hash(void)
{
	return hash;
}

void
trace_say(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	mix_number(sim_now(sim));
	mix(text, strlen(text));
	if (printing)
		printf("%8" PRIu64 " ** %s\n", sim_now(sim), text);
}

static const char *
kind_word(enum message_kind kind)
{
	static const char *const words[] = {
		[MESSAGE_CALL] = "call",
		[MESSAGE_CAST] = "cast",
		[MESSAGE_INFO] = "info",
		[MESSAGE_ANSWER] = "answer",
		[MESSAGE_DOWN] = "DOWN",
		[MESSAGE_EXIT] = "EXIT",
		[MESSAGE_MONITOR] = "monitor",
		[MESSAGE_DEMONITOR] = "demonitor",
		[MESSAGE_STOP] = "stop",
	};

	return words[kind];
}

/* What a person wants to see of it: the operation, the error, the reason. */
static struct slice
subject(const struct message *m)
{
	if (m->kind == MESSAGE_ANSWER)
		return slice_of(err_word(m->e));
	return m->kind == MESSAGE_DOWN || m->kind == MESSAGE_EXIT ? m->body :
								    m->op;
}

static const char *
label(const struct proc *p)
{
	return proc_name(p)[0] != '\0' ? proc_name(p) : p->behaviour->name;
}

static void
print_message(const struct proc *p, const struct message *m)
{
	struct slice s = subject(m);

	printf("%8" PRIu64 " %-10s %s<%" PRIu32 ".%" PRIu32 "> %s %.*s",
	    sim_now(sim), p->node->name, label(p), (uint32_t)p->pid.id,
	    (uint32_t)(p->pid.id >> 32), kind_word(m->kind), (int)s.len,
	    (const char *)s.bytes);
	if (m->from.pid.id != 0)
		printf(" from <%" PRIu32 ".%" PRIu32 ">",
		    (uint32_t)m->from.pid.id, (uint32_t)(m->from.pid.id >> 32));
	printf(" (%zu bytes)\n", m->body.len);
}

static void
see(const struct proc *p, const struct message *m)
{
	mix_number(sim_now(sim));
	mix_number((uint8_t)p->node->name[strlen(p->node->name) - 1]);
	mix_number(p->pid.id);
	mix_number(m->kind);
	mix_number(m->from.pid.id);
	mix_number(m->from.ref);
	mix(m->op.bytes, m->op.len);
	mix(m->body.bytes, m->body.len);
	if (printing)
		print_message(p, m);
}

static void
see_end(const struct proc *p)
{
	mix_number(p->pid.id);
	watching_ends(p);
	if (printing)
		printf("%8" PRIu64 " %-10s %s<%" PRIu32 ".%" PRIu32
		       "> ends: %s\n",
		    sim_now(sim), p->node->name, label(p), (uint32_t)p->pid.id,
		    (uint32_t)(p->pid.id >> 32), p->extra->why.word);
}

/* What p sends itself in this very turn is not seen. */
uint32_t
__wrap_proc_run(struct proc *p)
{
	const struct message *m = p->last;
	uint32_t waiting = p->mailbox, seen = 0;

	if (p->ending)
		see_end(p);
	else if (!p->suspended)
		for (; seen < waiting && seen < LIMIT_BATCH; seen += m->count)
			see(p, m = m->next);
	return __real_proc_run(p);
}
