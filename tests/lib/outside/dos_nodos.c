/*
 * Two nodes in two programs that call, cast to and monitor each other.
 *
 *	./dos_nodos uno         listens on a free port and says which
 *	./dos_nodos dos PORT    connects to it
 *
 * Node uno has `contador`, and `portero`, who sees nodes come and go and
 * monitors two processes of the one that came. Node dos has these two:
 * `testigo`, who monitors the counter, and `ancla`, who does nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <genserver.h>

#define WAIT_MS 10000

static struct slice
cookie(void)
{
	return slice_of("un secreto entre dos nodos");
}

/* -- what both do with a message that comes by itself -- */

/* "nodeup", "nodedown" [name of a node] */
static struct slice
node_of(const struct message *m)
{
	struct term_reader r;
	struct slice name = slice_of("");
	uint32_t n;

	term_reader_init(&r, m->body);
	if (term_read_array(&r, &n) == E_OK)
		term_read_str(&r, &name);
	return name;
}

static void
say(const struct message *m)
{
	struct slice text = m->kind == MESSAGE_DOWN ? m->body : node_of(m);
	struct slice what = m->kind == MESSAGE_DOWN ? slice_of("DOWN") : m->op;

	printf("%.*s %.*s\n", (int)what.len, (const char *)what.bytes,
	    (int)text.len, (const char *)text.bytes);
}

/* -- uno: contador -- */

static struct gs_next
contador_call(struct proc *self, const struct message *m)
{
	int64_t *valor = gs_state(self);

	if (slice_is(m->op, "fallar"))
		return gs_stop("cansado");
	if (!slice_is(m->op, "valor"))
		return gs_error(E_UNDEF, NULL);
	term_write_int(gs_answer(self), *valor);
	return gs_reply(self);
}

static struct gs_next
contador_cast(struct proc *self, const struct message *m)
{
	int64_t *valor = gs_state(self);

	if (!slice_is(m->op, "incrementar"))
		return gs_error(E_UNDEF, NULL);
	++*valor;
	return gs_noreply();
}

static const struct gen_server contador = {
	.module = "contador",
	.state_bytes = sizeof(int64_t),
	.handle_call = contador_call,
	.handle_cast = contador_cast,
};

/* -- uno: portero -- */

static struct gs_next
portero_init(struct proc *self, void *loop)
{
	struct loop **l = gs_state(self);

	*l = loop;
	reg_subscribe(self, REG_NODES);
	return gs_noreply();
}

static struct gs_next
portero_info(struct proc *self, const struct message *m)
{
	struct loop **l = gs_state(self);
	struct pid peer;

	say(m);
	if (slice_is(m->op, "nodeup")) {
		peer = net_peer(proc_node(self), node_of(m));
		net_monitor(self, peer, "testigo");
		net_monitor(self, peer, "ancla");
	}
	if (slice_is(m->op, "nodedown"))
		loop_stop(*l);
	return gs_noreply();
}

/* By then it has seen what was sent before. */
static struct gs_next
portero_call(struct proc *self, const struct message *m)
{
	printf("call %.*s\n", (int)m->op.len, (const char *)m->op.bytes);
	term_write_bool(gs_answer(self), true);
	return gs_reply(self);
}

static const struct gen_server portero = {
	.module = "portero",
	.state_bytes = sizeof(struct loop *),
	.init = portero_init,
	.handle_call = portero_call,
	.handle_info = portero_info,
};

static int
uno(struct loop *l, struct node *n)
{
	struct address at = { "127.0.0.1", 0 };
	struct pid pid;
	uint16_t port;
	const char *why;

	gs_start(n, &contador, "contador", NULL, &pid);
	gs_start(n, &portero, "portero", l, &pid);
	if (net_listen(n, &at, cookie(), &port, &why) != E_OK) {
		fprintf(stderr, "cannot listen: %s\n", why);
		return 1;
	}
	printf("port %u\n", (unsigned)port);
	loop_run(l);
	return 0;
}

/* -- dos: testigo and ancla -- */

static struct gs_next
testigo_init(struct proc *self, void *peer)
{
	reg_subscribe(self, REG_NODES);
	net_monitor(self, *(struct pid *)peer, "contador");
	net_monitor(self, *(struct pid *)peer, "nadie");
	return gs_noreply();
}

static struct gs_next
testigo_info(struct proc *self, const struct message *m)
{
	(void)self;
	say(m);
	return gs_noreply();
}

static const struct gen_server testigo = {
	.module = "testigo",
	.init = testigo_init,
	.handle_info = testigo_info,
};

static const struct gen_server ancla = { .module = "ancla" };

/* Calls over there and says what came of it. */
static void
ask(struct node *n, struct pid peer, const char *op)
{
	struct buf answer;
	struct term_reader r;
	int64_t valor;
	enum err e;

	buf_init(&answer);
	e = gs_call_wait(n, peer, slice_of(op), slice_of(""), WAIT_MS, &answer);
	term_reader_init(&r, buf_bytes(&answer));
	if (e == E_OK && term_read_int(&r, &valor) == E_OK)
		printf("%s %" PRId64 "\n", op, valor);
	else
		printf("%s %s\n", op, err_word(e));
	buf_release(&answer);
}

static int
dos(struct node *n, uint16_t port)
{
	struct address to = { "127.0.0.1", port };
	struct pid peer, pid, watcher;
	const char *why;

	if (net_connect(n, &to, cookie(), &peer, &why) != E_OK) {
		fprintf(stderr, "cannot connect: %s\n", why);
		return 1;
	}
	gs_start(n, &testigo, "testigo", &peer, &watcher);
	gs_start(n, &ancla, "ancla", NULL, &pid);
	if (net_wait(n, peer, WAIT_MS) != E_OK)
		return 1;
	ask(n, peer, "contador.valor");
	proc_cast(n, peer, slice_of("contador.incrementar"), slice_of(""));
	proc_send(n, peer, slice_of("contador.incrementar"), slice_of(""));
	ask(n, peer, "contador.valor");
	ask(n, peer, "contador.fallar");
	ask(n, peer, "contador.valor");
	gs_stop_wait(n, watcher, "satisfecho", WAIT_MS);
	ask(n, peer, "portero.adios");
	return 0;
}

int
main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[1] : "";
	bool is_uno = argc == 2 && strcmp(name, "uno") == 0;
	struct loop *l;
	struct node *n;
	int status;

	if (!is_uno && (argc != 3 || strcmp(name, "dos") != 0)) {
		fprintf(stderr, "usage: %s uno | dos PORT\n", argv[0]);
		return 64;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	l = loop_new(LOOP_SOCKETS);
	n = node_new(loop_world(l), slice_of(name), NULL);
	status = is_uno ? uno(l, n) : dos(n, (uint16_t)atoi(argv[2]));
	node_free(n);
	loop_free(l);
	return status;
}
