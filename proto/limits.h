/*
 * Every limit of the wire and of the two programs: value, unit, reason.
 * Nothing a peer sends sizes anything before it met a number of this file.
 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

enum {
	/* -- frames (bytes, objects, levels) -- */
	/* A hello fits five times; a stranger cannot make us hold more. */
	LIMIT_FRAME_BEFORE_AUTH = 1024,
	/* One listing page of long tasks; small beside a node's 256 MiB. */
	LIMIT_FRAME = 1024 * 1024,
	/* Arrays and maps inside each other; our deepest message has 5. */
	LIMIT_DEPTH = 16,
	/* Objects of one frame: 26,000 tasks of a listing, and more. */
	LIMIT_OBJECTS = 131072,
	/* "<process>.<operation>", both short by convention. */
	LIMIT_METHOD_BYTES = 128,

	/* -- names and texts (bytes of UTF-8) -- */
	LIMIT_NODE_NAME = 128,
	LIMIT_USUARIO = 64,
	LIMIT_TITULO = 1024,
	LIMIT_DESCRIPCION = 16384,
	/* The text of an error is a sentence for people. */
	LIMIT_ERROR_TEXT = 256,
	/* Versions a hello may offer. */
	LIMIT_VERSIONS = 16,
	/* Bytes of a cookie, as Erlang's atoms. */
	LIMIT_COOKIE = 255,
	/* Under this many bytes a cookie can be guessed: loopback only. */
	LIMIT_COOKIE_STRONG = 16,

	/* -- flow -- */
	/* Messages handed over by a link and not yet handled. */
	LIMIT_FLIGHT = 128,
	/* Unsent bytes at which a link stops being read; half resumes. */
	LIMIT_UNSENT = 256 * 1024,
	/* Unsent bytes of all links of a node; the largest goes first. */
	LIMIT_UNSENT_NODE = 256 * 1024 * 1024,
	/* Messages one process handles in a turn, so that none starves. */
	LIMIT_BATCH = 64,
	/* Messages a mailbox holds before it is full. */
	LIMIT_MAILBOX = 8192,
	/* Calls a peer may have open at the far side at once. */
	LIMIT_OPEN_CALLS = 65536,
	/* Processes here that one far side may monitor at once. */
	LIMIT_MONITORS = 4096,
	/* Connections that have not authenticated yet, in all. */
	LIMIT_STRANGERS = 256,

	/* -- state -- */
	LIMIT_TAREAS_PER_USER = 100000,
	/* A key of a write, random bytes; and how many are remembered. */
	LIMIT_CLAVE_MIN = 16,
	LIMIT_CLAVE_MAX = 32,
	LIMIT_CLAVES = 100000,
	/* Bytes that wait for the disk before no more is taken. */
	LIMIT_UNSAVED = 16 * 1024 * 1024,
	/* Free bytes of the disk under which nothing new is stored. */
	LIMIT_DISK_FREE = 64 * 1024 * 1024,

	/* -- rooms -- */
	LIMIT_ROOMS = 10000,
	LIMIT_MEMBERS = 10000, /* sessions in one room */
	LIMIT_ROOM_NAME = 64, /* bytes of UTF-8 */
	LIMIT_TEXT = 4096, /* bytes of UTF-8 in one message */
	LIMIT_HISTORY = 100000, /* messages that a room keeps */
	/* A session may say so many lines at once, and then so many a second. */
	LIMIT_CHAT_BURST = 20,
	LIMIT_CHAT_PER_S = 5,

	/* -- time (milliseconds) -- */
	LIMIT_CALL_MS = 5000, /* as in OTP */
	LIMIT_PLAZO_MS = 24 * 60 * 60 * 1000, /* a longer one is none */
	LIMIT_HANDSHAKE_MS = 5000,
	LIMIT_STRANGER_WAIT_MS = 250, /* then the oldest stranger goes */
	LIMIT_DENIED_MS = 250, /* a guess costs at least this */
	LIMIT_PING_MS = 15000,
	LIMIT_DOWN_MS = 60000, /* OTP's net_ticktime */
	LIMIT_SLOW_MS = 60000,
	LIMIT_ACCEPT_PAUSE_MS = 100, /* after EMFILE */
	LIMIT_STOP_MS = 5000,
};

#endif
