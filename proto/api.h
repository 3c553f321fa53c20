/*
 * What stands around the declarations of a header of the library
 * (libgenserver): they keep C's names in C++, and they are what the shared
 * library exports. All other functions stay inside it.
 */
#ifndef PROTO_API_H
#define PROTO_API_H

#ifdef __cplusplus
#define API_BEGIN \
	extern "C" { \
	_Pragma("GCC visibility push(default)")
#define API_END \
	_Pragma("GCC visibility pop") \
	}
#else
#define API_BEGIN _Pragma("GCC visibility push(default)")
#define API_END _Pragma("GCC visibility pop")
#endif

#endif
