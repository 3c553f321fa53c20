#include "common/tarea.h"

#include "common/lang.h"
#include "proto/limits.h"
#include "proto/utf8.h"

static enum err
read_descripcion(struct term_reader *r, struct slice *out)
{
	if (term_read_nil(r) == E_OK)
		return E_OK;
	return term_read_str(r, out);
}

enum err
tarea_read(struct term_reader *r, struct tarea *out)
{
	bool titulo = false, descripcion = false;
	struct slice key;
	uint32_t n;
	enum err e;

	*out = (struct tarea){ .descripcion = slice_of("") };
	if (term_read_map(r, &n) != E_OK)
		return E_BADARG;
	for (; n > 0; n--) {
		e = term_read_str(r, &key);
		if (e == E_OK && !titulo && slice_is(key, "titulo")) {
			titulo = true;
			e = term_read_str(r, &out->titulo);
		} else if (e == E_OK && !descripcion &&
		    slice_is(key, "descripcion")) {
			descripcion = true;
			e = read_descripcion(r, &out->descripcion);
		} else {
			return E_BADARG;
		}
		if (e != E_OK)
			return e;
	}
	return titulo ? E_OK : E_BADARG;
}

void
tarea_write(struct buf *b, const struct tarea *t)
{
	term_write_map(b, 2);
	term_write_cstr(b, "titulo");
	term_write_str(b, t->titulo);
	term_write_cstr(b, "descripcion");
	term_write_str(b, t->descripcion);
}

static enum err
check(struct slice s, const char *control, const char *utf8, const char **why)
{
	if (utf8_is_text(s))
		return E_OK;
	*why = utf8_valid(s) ? control : utf8;
	return E_BADARG;
}

enum err
tarea_check_titulo(struct slice titulo, const char **why)
{
	if (titulo.len == 0) {
		*why = N_("the title is empty");
		return E_BADARG;
	}
	if (titulo.len > LIMIT_TITULO) {
		*why = N_("the title is over 1024 bytes");
		return E_TOOBIG;
	}
	return check(titulo, N_("the title has control characters"),
	    N_("the title is no valid UTF-8"), why);
}

enum err
tarea_check(const struct tarea *t, const char **why)
{
	enum err e = tarea_check_titulo(t->titulo, why);

	if (e != E_OK)
		return e;
	if (t->descripcion.len > LIMIT_DESCRIPCION) {
		*why = N_("the description is over 16384 bytes");
		return E_TOOBIG;
	}
	return check(t->descripcion,
	    N_("the description has control characters"),
	    N_("the description is no valid UTF-8"), why);
}

enum err
tarea_check_usuario(struct slice usuario, const char **why)
{
	if (usuario.len == 0) {
		*why = N_("the user is empty");
		return E_BADARG;
	}
	if (usuario.len > LIMIT_USUARIO) {
		*why = N_("the user is over 64 bytes");
		return E_TOOBIG;
	}
	return check(usuario, N_("the user has control characters"),
	    N_("the user is no valid UTF-8"), why);
}
